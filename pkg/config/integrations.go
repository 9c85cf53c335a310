package config

// Integrations has the settings of what facts are sent to.
type Integrations struct {
	PrivateWebhooks bool // to addresses of the operator's own network
}

var integrationsSettings = []Setting{
	{"ALLOW_PRIVATE_WEBHOOKS", "false", "true or false",
		"Lets webhooks reach private, loopback and link-local addresses. Whoever owns a form can " +
			"then have this machine ask others of its network. Only for trusted networks and " +
			"test suites.",
		func(c *Config, v string) (err error) { c.PrivateWebhooks, err = boolean(v); return err }},
}
