package config

import (
	"flag"
	"fmt"
	"net/mail"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/config.md anew")

const docs = "../../docs/config.md"

const head = `# Settings

Both processes read the environment and nothing else. A wrong value stops the start with a line
that names it. This page is made by ` + "`go test ./pkg/config -update`" + `.

`

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

func TestTheDocumentedTableIsTheOneInTheCode(t *testing.T) {
	if *update {
		require.NoError(t, os.WriteFile(docs, []byte(head+Tables()), 0o644))
	}
	got, err := os.ReadFile(docs)
	require.NoError(t, err)
	require.Equal(t, head+Tables(), string(got), "run go test ./pkg/config -update")
}

func TestWithoutSettingsEverythingHasItsDefault(t *testing.T) {
	c, err := Load(lookup(nil))
	require.NoError(t, err)
	require.Equal(t, ":8080", c.Addr)
	require.Equal(t, 1, c.Partitions)
	path, ok := c.SQLitePath()
	require.True(t, ok)
	require.Equal(t, "plenary.db", path)
	require.False(t, c.Open)
	require.True(t, c.AccessLog)
	require.True(t, c.FastVotes)

	same, err := Load(lookup(map[string]string{"PLENARY_ADDR": "", "PLENARY_PARTITIONS": "  "}))
	require.NoError(t, err)
	require.Equal(t, c, same, "a variable that is set and empty is not set")
}

func TestAnAddressMayAsk100TimesAMinuteAnd200TimesASecondUnlessSomebodySaysOtherwise(t *testing.T) {
	c, err := Load(lookup(nil))
	require.NoError(t, err)
	require.Equal(t, Limits{RateLimit: 100, BurstLimit: 200}, c.Limits)
	c, err = Load(lookup(map[string]string{
		"PLENARY_RATE_LIMIT": "0", "PLENARY_BURST_LIMIT": "1000000",
		"PLENARY_REDIS_URL": " rediss://u:p@[::1]:6379/3 ",
	}))
	require.NoError(t, err)
	require.Equal(t, Limits{BurstLimit: 1_000_000, RedisURL: "rediss://u:p@[::1]:6379/3"}, c.Limits)
}

func TestAWrongValueIsNamedWithWhatItTakes(t *testing.T) {
	for name, values := range map[string][]string{
		"ADDR":         {"8080", "localhost", ":eighty", ":70000"},
		"WORKER_ADDR":  {"::"},
		"METRICS_ADDR": {"8082", "none", ":", ":x", ":70000", "http://localhost:80"},
		"PUBLIC_URL": {
			"plenary.example", "//plenary.example", "/join", "ftp://h", "http:h", "http://",
			"https://:443", "http://h:", "http://h:0", "http://h:99999",
			"http://h:http", "http://a b", "http://-h", "http://h//", "http://h?", "http://h/?x=1",
			"http://h#", "http://h/#top",
			"http://h/polls?", "http://h/polls?x=1", "http://h/polls#", "http://h/polls/#top",
			"http://h/polls//", "http://h//polls", "http://h/a//b", "http://h/a b",
			"http://h/..", "http://h/a/../b", "http://h/.", "http://h/a/./b", "http://h/%2e%2e",
			"http://h/%70olls", "http://h/a%2fb", "http://h/é", "http://h/polls;x", `http://h/a\b`,
			`http://h/"><script>`, "http://h/a\nb", "http://h/*", "http://h/:id",
			"http://h/" + strings.Repeat("p", 101),
			"https://me:secret@h", "https://me@h", "http://é.example", "http://[::1", "http://::1",
			"http://fe80::1:80", "http://[fe80::1%25eth0]", "http://%zz", "javascript://h",
			"http://h\\x", `http://h"`, "http://<h>", "http://" + strings.Repeat("h", 254),
			"http://a,http://b",
			"http://999.1.1.1", "http://1.2.3", "http://7", "http://1.2.3.4.", "http://01.2.3.4",
			"http://[1.2.3.4]", "http://[plenary]", "http://[::1]x",
		},
		"TRUSTED_PROXIES": {
			"nobody", ",", "10.0.0.0/8,", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "10.0.0.0/-1",
			"10.0.0.0/08", "::1/129", "fe80::1%eth0", "fe80::%eth0/64",
			"::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "[::1]", "127.0.0.1:80", "localhost",
			"10.0.0.0/8 ::1", "10.0.0.0/8;::1", "none,10.0.0.1", "*",
		},
		"CORS_ORIGINS": {
			"**", "*, https://a", "https://a,*", "none,https://a", "null", "https://*.example",
			"https://a,", ",", "https://a,,https://b", "a.example", "https://a/x",
			"https://a b", "https://me:secret@a", "https://a?x", "https://a#", "ftp://a",
			"https://", "https://a:0", "https://é.example", "https://a;https://b",
			"https://a|b", `https://a"`,
		},
		"EMBED_ORIGINS": {
			"*", "*, https://a", "https://a,*", "none,https://a", "null", "self", "'self'",
			"https://*.example", "https://a,", ",", "https://a,,https://b",
			"a.example", "https://a/x",
			"https://a b", "https://me:secret@a", "https://a?x", "https://a#", "ftp://a", "https:",
			"https://", "https://a:0", "https://a:*", "https://é.example", "https://a;https://b",
			"https://a; script-src *", "https://a\r\nX: y", "https://[2001:db8::1]",
			strings.Repeat("https://a.example,", 112) + "https://a.example",
		},
		"DATABASE_URL": {"plenary.db", "mysql://u:secret@h/db", "sqlite:", "postgres://",
			"postgres://%zz", "postgres://plenary:change-me@h/db", "postgresql://u:change%2Dme@h",
			"postgres://h/db?user=u&password=change-me", "sqlite:a\x00b"},
		"DATABASE_READ_URLS": {"plenary.db", "sqlite:plenary.db", "mysql://u:secret@h/db",
			"postgres://", "postgres://a,", ",", "postgres://a,http://u:secret@b",
			"postgres://a,,postgres://b", "postgres://u:change-me@h/db",
			"postgres://u:secret@a,postgres://u:change-me@b", "postgres://h/a"},
		"AMQP_URL": {"http://h", "amqp://", "rabbit:secret", "amqp://a,",
			"amqp://a,http://b", "amqp://plenary:change-me@h/",
			"amqp://u:secret@a,amqps://u:change-me@b"},
		"PARTITIONS":           {"0", "257", "-1", "four", "4.0"},
		"OPEN":                 {"yes", "2", "on"},
		"LOG_LEVEL":            {"loud"},
		"ACCESS_LOG":           {"nope"},
		"FAST_VOTES":           {"nope", "2", "slow"},
		"MAX_WAITING":          {"0", "1e6"},
		"MAX_CONNECTIONS":      {"-1"},
		"ADDRESS_CONNECTIONS":  {"-1", "1000001", "many", "1.5", "off"},
		"DATABASE_CONNECTIONS": {"1"},
		"DATABASE_POOLER":      {"pgbouncer", "transaction", "2"},
		"QUEUE_BYTES":          {"1024", "lots"},
		"CREATE_LIMIT":         {"-1", "1000001", "60/m", "1e3", "∞"},
		"CREATE_KEY": {"secret7", "a secret key", "secret\x00key", "secret🗝keys",
			"secret,key", "sécretkey", strings.Repeat("secret", 34)},
		"RATE_LIMIT":  {"-1", "1000001", "100/m", "many", "1e2", "100.0", "∞", "NaN"},
		"BURST_LIMIT": {"-1", "1000001", "200/s", "0x10", "two hundred"},
		"REDIS_URL": {
			"localhost:6379", "redis://", "redis://:6379", "http://:secret@h", "unix:///secret",
			"redis://:change-me@redis:6379", "rediss://u:change%2Dme@h",
			"redis://%zz", "redis:h", "//:secret@h",
		},
		"WRONG_CODES": {"-1", "1000001", "many", "0x10"},
		"KEEP_DAYS":   {"-1", "36501", "30d", "1.5", "NaN"},
		"DAILY_VOTES": {"-1", "1000001", "100/d", "many", "1e2"},
		"FEED_UNDO":   {"-1s", "721h", "1d", "10", "for ever"},
		"FEED_KEEP_DAYS": {
			"-1", "36501", "30d", "1.5", "NaN",
		},
		"TOKEN_TTL": {"24", "0s", "721h", "1d", "-1h", "for ever"},
		"SECRET": {
			"secret7", strings.Repeat("secret", 5), strings.Repeat("secret", 34),
			strings.Repeat("secret ", 5), strings.Repeat("secr🗝t", 6),
			"eyJsecretsecretsecretsecret.secret.secret",
		},
		"SMTP_URL": {
			"localhost:25", "smtp://", "smtp://:25", "http://:secret@h", "mailto:a@b", "smtp:h",
			"//u:secret@h", "smtp://%zz", "smtp://u:change-me@h", "smtp://u@h", "smtp://:secret@h",
			"smtp://u:secret@h/path", "smtp://u:secret@h#x", "smtp://u:secret@h?tls=none",
			"smtp://h?tls=maybe", "smtp://h?tls=none&tls=none", "smtp://h?x=1",
			"smtps://h?tls=none",
			"smtp://h?tls=none&x=1", "smtp://h:0", "smtp://h:99999", "smtp://h:smtp", "smtp://h:",
			"smtp://a b", "smtp://-h", "smtp://999.1.1.1", "smtp://u:secret%0d%0aQUIT@h",
			"smtp://u%00:secret@h", "smtp://u:secret@a,smtp://u:secret@b", "smtp://h?tls=%zz",
		},
		"MAIL_FROM": {
			"plenary", "@", "a@", "<>", "a@b.example, c@d.example", "a@b.example c@d.example",
			"Plenary <a@b.example", "Plenary a@b.example", "a@b.example\r\nBcc: c@d.example",
			"\"a\x00\" <a@b.example>", strings.Repeat("a", 320) + "@b.example",
		},
		"MAIL_LIMIT": {"-1", "1001", "5/h", "1e2", "five"},
		"OIDC_ISSUER": {
			"id.example", "//id.example", "ftp://h", "https://", "https://me:secret@h",
			"https://h?x=1", "https://h#x", "https://a b", "https://h:0", "javascript://h", "https://é.example",
		},
		"OIDC_CLIENT_ID":     {"a b", "é", "a\x00", strings.Repeat("a", 201), "a\tb"},
		"OIDC_CLIENT_SECRET": {"secret word", "sécret", "secret\x00", strings.Repeat("secret", 34)},
		"REGISTER_LIMIT":     {"-1", "1000001", "10/m", "1e3"},
		"WRONG_PASSWORDS":    {"-1", "100001", "ten", "0x10"},
		"STOP_TIMEOUT":       {"20", "0s", "1h"},
	} {
		for _, value := range values {
			_, err := Load(lookup(map[string]string{Prefix + name: value}))
			require.ErrorContains(t, err, "PLENARY_"+name+" takes ", value)
			require.NotContains(t, err.Error(), "secret")
			require.NotContains(t, err.Error(), "\n")
		}
	}
}

func TestAMailServerIsNamedByItsURL(t *testing.T) {
	beside := map[string]string{
		"PLENARY_MAIL_FROM":  "Plenary Ünal <vote@example.org>",
		"PLENARY_PUBLIC_URL": "https://v.example",
	}
	for value, want := range map[string]Mail{
		"": {}, "smtp://mail.example": {Host: "mail.example", Port: 587, Security: StartTLS},
		" smtps://mail.example/ ": {Host: "mail.example", Port: 465, Security: TLS},
		"smtp://u%40h:p%2Fw@h:25": {
			Host: "h", Port: 25, User: "u@h", Password: "p/w", Security: StartTLS,
		},
		"SMTPS://u:p@[2001:db8::1]:2465": {
			Host: "2001:db8::1", Port: 2465, User: "u", Password: "p", Security: TLS,
		},
		"smtp://127.0.0.1:1025?tls=none": {Host: "127.0.0.1", Port: 1025, Security: Plaintext},
	} {
		beside["PLENARY_SMTP_URL"] = value
		c, err := Load(lookup(beside))
		require.NoError(t, err, value)
		want.From, want.Limit = mail.Address{Name: "Plenary Ünal", Address: "vote@example.org"}, 5
		require.Equal(t, want, c.Mail, value)
		require.Equal(t, value != "", c.Mail.Sends())
	}
}

func TestASettingThatNeedsAnotherSaysWhich(t *testing.T) {
	public := "https://v.example"
	for _, c := range []struct{ lacks, of string }{
		{"MAIL_FROM", "SMTP_URL"}, {"PUBLIC_URL", "SMTP_URL"},
		{"OIDC_CLIENT_ID", "OIDC_ISSUER"}, {"PUBLIC_URL", "OIDC_ISSUER"},
	} {
		env := map[string]string{
			"PLENARY_MAIL_FROM": "vote@example.org", "PLENARY_PUBLIC_URL": public,
			"PLENARY_OIDC_CLIENT_ID": "plenary",
			Prefix + c.of: map[string]string{
				"SMTP_URL": "smtp://u:secret@h", "OIDC_ISSUER": "https://id.example/realms/a",
			}[c.of],
		}
		_, err := Load(lookup(env))
		require.NoError(t, err)
		delete(env, Prefix+c.lacks)
		_, err = Load(lookup(env))
		require.EqualError(t, err,
			Prefix+c.of+" takes "+Prefix+c.lacks+" beside it: that is empty")
	}
	c, err := Load(lookup(map[string]string{
		"PLENARY_OIDC_ISSUER": "https://id.example/realms/a", "PLENARY_PUBLIC_URL": public,
		"PLENARY_OIDC_CLIENT_ID": "plenary", "PLENARY_OIDC_CLIENT_SECRET": "a/b+c",
	}))
	require.NoError(t, err)
	require.Equal(t, OIDC{"https://id.example/realms/a", "plenary", "a/b+c"}, c.OIDC)
}

func TestReplicasAreOfPostgreSQL(t *testing.T) {
	env := map[string]string{
		"PLENARY_DATABASE_URL": "postgres://u:secret@h/db",
		"PLENARY_DATABASE_READ_URLS": " postgres://u:p%2Cw@a/db?sslmode=disable ," +
			"postgresql://b:54/db",
	}
	c, err := Load(lookup(env))
	require.NoError(t, err)
	require.Equal(t, []string{
		"postgres://u:p%2Cw@a/db?sslmode=disable", "postgresql://b:54/db",
	}, c.ReadURLs)
	env["PLENARY_DATABASE_URL"] = "sqlite:plenary.db"
	_, err = Load(lookup(env))
	require.EqualError(t, err,
		"PLENARY_DATABASE_READ_URLS takes PLENARY_DATABASE_URL beside it: that is no PostgreSQL")
}

func TestOnlyTheExamplesOwnPasswordIsRefused(t *testing.T) {
	for _, url := range []string{"postgres://change-me:x@change-me/change-me",
		"postgres://u:change-me2@h", "postgres://u:Change-Me@h", "postgres://u@h"} {
		_, err := Load(lookup(map[string]string{"PLENARY_DATABASE_URL": url}))
		require.NoError(t, err, url)
	}
}

func TestTrustedProxiesAreAddressesAndNetworks(t *testing.T) {
	for value, want := range map[string]string{
		"": "[127.0.0.0/8 ::1/128]", "none": "[]", "10.1.2.3": "[10.1.2.3/32]",
		" 172.16.0.0/12 ,fd00::/8,2001:DB8::1": "[172.16.0.0/12 fd00::/8 2001:db8::1/128]",
		"0.0.0.0/0,::/0":                       "[0.0.0.0/0 ::/0]",
	} {
		c, err := Load(lookup(map[string]string{"PLENARY_TRUSTED_PROXIES": value}))
		require.NoError(t, err, value)
		require.Equal(t, want, fmt.Sprint(c.TrustedProxies))
	}
}

func TestThePublicURLIsWhatAPathCanBePutBehind(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "http://plenary.example": "http://plenary.example",
		"https://plenary.example/":   "https://plenary.example",
		"HTTPS://Vote.Example:8443":  "https://Vote.Example:8443",
		" http://192.168.1.5:8080/ ": "http://192.168.1.5:8080",
		"http://[2001:db8::1]:80":    "http://[2001:db8::1]:80", "http://[::1]": "http://[::1]",
		"http://localhost:8080": "http://localhost:8080",
		"https://host/polls":    "https://host/polls", "https://host/polls/": "https://host/polls",
		"http://h:8080/A-b_c.d~/e":            "http://h:8080/A-b_c.d~/e",
		"http://h/.polls/...":                 "http://h/.polls/...",
		"http://h/" + strings.Repeat("p", 99): "http://h/" + strings.Repeat("p", 99),
		"http://3com":                         "http://3com",
		"http://my_pc.4you.lan:80":            "http://my_pc.4you.lan:80",
	} {
		c, err := Load(lookup(map[string]string{"PLENARY_PUBLIC_URL": value}))
		require.NoError(t, err, value)
		require.Equal(t, want, c.PublicURL)
	}
}

func TestThePathOfThePublicURLIsWhereAllIs(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "http://h": "", "http://h/": "", "http://[::1]:80": "", "http://h/polls": "/polls",
		"https://h:8443/a/polls/": "/a/polls",
	} {
		c, err := Load(lookup(map[string]string{"PLENARY_PUBLIC_URL": value}))
		require.NoError(t, err, value)
		require.Equal(t, want, c.Root(), value)
	}
}

func TestOriginsThatMayEmbedAreNamed(t *testing.T) {
	most := strings.TrimSuffix(strings.Repeat("https://a.example,", 111), ",")
	for value, want := range map[string][]string{
		"": nil, "none": nil, "https://a.example": {"https://a.example"},
		" HTTPS://A.Example/ , http://b:80,http://127.0.0.1:8080": {"https://a.example", "http://b",
			"http://127.0.0.1:8080"},
		most: strings.Split(most, ","),
	} {
		c, err := Load(lookup(map[string]string{"PLENARY_EMBED_ORIGINS": value}))
		require.NoError(t, err, value)
		require.Equal(t, want, c.EmbedOrigins, value)
	}
}

func TestOriginsAreAsBrowsersWriteThem(t *testing.T) {
	for value, want := range map[string][]string{
		"": {"*"}, "*": {"*"}, " * ": {"*"}, "none": nil,
		"https://a.example": {"https://a.example"}, "HTTPS://A.Example/": {"https://a.example"},
		"https://a.example:443, http://a.example:80 ,http://a.example:443": {"https://a.example",
			"http://a.example", "http://a.example:443"},
		"http://a:08080,https://[2001:DB8::1]:8443,http://[::1]:80": {"http://a:8080",
			"https://[2001:db8::1]:8443", "http://[::1]"},
	} {
		c, err := Load(lookup(map[string]string{"PLENARY_CORS_ORIGINS": value}))
		require.NoError(t, err, value)
		require.Equal(t, want, c.CORSOrigins, value)
	}
}

func TestEverySettingIsInOneGroup(t *testing.T) {
	seen := map[string]string{}
	for _, g := range Groups {
		require.NotEmpty(t, g.Settings, g.Title)
		for _, s := range g.Settings {
			require.Empty(t, seen[s.Name], "%s is in %s, too", s.Name, g.Title)
			seen[s.Name] = g.Title
		}
	}
	require.Len(t, Settings, len(seen))
}

func TestEverySettingIsTestedWithGarbage(t *testing.T) {
	for _, s := range Settings {
		_, err := Load(lookup(map[string]string{Prefix + s.Name: "\x00 ☃ garbage"}))
		require.Error(t, err, s.Name)
	}
}

func TestASpellingMistakeIsNoticed(t *testing.T) {
	require.Equal(t, []string{"PLENARY_PARTITION"},
		Unknown([]string{"PLENARY_PARTITION=3", "PLENARY_PARTITIONS=3",
			"PLENARY_TEST_POSTGRES_URL=x", "HOME=/"}))
}

func FuzzLoad(f *testing.F) {
	for i, s := range Settings {
		f.Add(i, s.Default)
	}
	f.Fuzz(func(t *testing.T, i int, value string) {
		s := Settings[uint(i)%uint(len(Settings))]
		if _, err := Load(lookup(map[string]string{Prefix + s.Name: value})); err != nil {
			require.Contains(t, err.Error(), Prefix+s.Name)
		}
	})
}
