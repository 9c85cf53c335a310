package stack_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/plenary-live/plenary/pkg/config"
	"github.com/plenary-live/plenary/test/stack"
)

// repository is the folder of go.mod.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(root, "go.mod"))
	return root
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository(t), path))
	require.NoError(t, err)
	return string(raw)
}

// compose loads docker-compose.yml as "docker compose" would with this environment.
func compose(t *testing.T, env []string, profiles ...string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(repository(t),
		"docker-compose.yml")},
		cli.WithEnv(env), cli.WithProfiles(profiles), cli.WithNormalization(true),
		cli.WithConsistency(true))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

var composeEnv = []string{
	"POSTGRES_PASSWORD=pg-word", "RABBITMQ_PASSWORD=rabbit-word",
	"POSTGRES_ADMIN_PASSWORD=admin-word", "REDIS_PASSWORD=redis-word",
}

func TestComposeStartsTheProductionShapeInTheOrderOfHealth(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	names := []string{"postgres", "rabbitmq", "redis", "api", "worker", "nginx"}
	assert.ElementsMatch(t, names, project.ServiceNames())
	for name, waitsFor := range map[string][]string{
		"api": {"postgres", "rabbitmq"}, "worker": {"postgres", "rabbitmq"}, "nginx": {"api"},
		"postgres": nil, "rabbitmq": nil, "redis": nil,
	} {
		service := project.Services[name]
		assert.Len(t, service.DependsOn, len(waitsFor), name)
		for _, dependency := range waitsFor {
			assert.Equal(t, types.ServiceConditionHealthy, service.DependsOn[dependency].Condition,
				"%s on %s", name, dependency)
		}
	}
}

func TestEveryComposeServiceHasAnImageAHealthCheckAndBoundedLogs(t *testing.T) {
	project, err := compose(t, composeEnv, "debug")
	require.NoError(t, err)
	assert.Len(t, project.Services, 7)
	for name, service := range project.Services {
		assert.NotEmpty(t, service.Image, name)
		if service.Build == nil {
			assert.Regexp(t, `^[a-z/]+:[0-9]`, service.Image, "%s names a version", name)
		} else {
			assert.Contains(t, read(t, "Dockerfile"), " AS "+service.Build.Target+"\n")
		}
		require.NotNil(t, service.HealthCheck, name)
		assert.NotEmpty(t, service.HealthCheck.Test, name)
		require.NotNil(t, service.Logging, name)
		assert.NotEmpty(t, service.Logging.Options["max-size"], name)
		assert.NotEmpty(t, service.Logging.Options["max-file"], name)
		assert.NotEmpty(t, service.Restart, name)
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeVolume {
				assert.Contains(t, project.Volumes, volume.Source, name)
			} else {
				assert.FileExists(t, volume.Source, name)
			}
		}
	}
	assert.Contains(t, project.Services["postgres"].Command, "-csynchronous_commit=on")
	assert.NotEmpty(t, project.Services["rabbitmq"].Hostname, "its data folder is named after it")
}

func TestComposeScalesTheAPIAndTheWorker(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	for name, replicas := range map[string]int{"api": 3, "worker": 2} {
		scaled, err := project.WithServicesEnabled()
		require.NoError(t, err)
		service := scaled.Services[name]
		service.SetScale(replicas)
		assert.Equal(t, replicas, service.GetScale())
		assert.Empty(t, service.ContainerName, "a name of its own would allow one %s only", name)
		assert.Empty(t, service.Ports, "a published port would allow one %s only", name)
		assert.Empty(t, service.Hostname, name)
		assert.True(t, service.ReadOnly, name)
		assert.Empty(t, service.Volumes, "replicas share nothing but the database and the broker")
	}
}

func TestOnlyNGINXIsPublishedByCompose(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	for name, service := range project.Services {
		if name != "nginx" {
			assert.Empty(t, service.Ports, name)
			continue
		}
		require.Len(t, service.Ports, 1)
		assert.EqualValues(t, 8080, service.Ports[0].Target)
		assert.Equal(t, "8080", service.Ports[0].Published)
	}
	debug, err := compose(t, composeEnv, "debug")
	require.NoError(t, err)
	consoles := debug.Services["consoles"]
	require.Len(t, consoles.Ports, 2)
	for _, port := range consoles.Ports {
		assert.Equal(t, "127.0.0.1", port.HostIP, "a console is for this host only")
	}
}

func TestComposeTakesPasswordsFromTheEnvironmentOnly(t *testing.T) {
	for i := range composeEnv {
		_, err := compose(t, slices.Delete(slices.Clone(composeEnv), i, i+1))
		require.ErrorContains(t, err, "set it in .env", "without %s", composeEnv[i])
	}
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	for _, name := range []string{"api", "worker"} {
		env := project.Services[name].Environment
		assert.Contains(t, *env["PLENARY_DATABASE_URL"], ":pg-word@postgres:5432/")
		assert.Contains(t, *env["PLENARY_AMQP_URL"], ":rabbit-word@rabbitmq:5672/")
	}
	api := project.Services["api"].Environment
	assert.Equal(t, "redis://:redis-word@redis:6379", *api["PLENARY_REDIS_URL"])
	assert.Equal(t, "redis-word", *project.Services["redis"].Environment["REDIS_PASSWORD"])
	assert.Equal(t, "admin-word", *project.Services["postgres"].Environment["POSTGRES_PASSWORD"],
		"the superuser's is another")
	assert.Equal(t, "pg-word",
		*project.Services["postgres"].Environment["PLENARY_DATABASE_PASSWORD"])
	assert.Equal(t, "rabbit-word",
		*project.Services["rabbitmq"].Environment["RABBITMQ_DEFAULT_PASS"])

	for line := range strings.Lines(read(t, "docker-compose.yml")) {
		if key, value, found := strings.Cut(line, ":"); found &&
			regexp.MustCompile(`^ *[A-Z_]*(PASS|SECRET|TOKEN)`).MatchString(key) {
			assert.Contains(t, value, "${", "a password is written down: %s", line)
		}
	}
}

func TestComposeStartsNoServerWithTheExamplesPassword(t *testing.T) {
	project, err := compose(t, []string{
		"POSTGRES_PASSWORD=change-me", "RABBITMQ_PASSWORD=change-me",
		"POSTGRES_ADMIN_PASSWORD=change-me", "REDIS_PASSWORD=change-me",
	})
	require.NoError(t, err)
	for _, name := range []string{"api", "worker"} {
		keys := []string{"PLENARY_DATABASE_URL", "PLENARY_AMQP_URL"}
		if name == "api" {
			keys = append(keys, "PLENARY_REDIS_URL")
		}
		for _, key := range keys {
			_, err := config.Load(func(asked string) (string,
				bool) {
				return *project.Services[name].Environment[key], asked == key
			})
			require.ErrorContains(t, err, key)
			require.ErrorContains(t, err, "change-me")
		}
	}
	bin := t.TempDir() // of the image
	require.NoError(t, os.WriteFile(filepath.Join(bin, "docker-entrypoint.sh"),
		[]byte("#!/bin/sh\necho started \"$@\"\n"), 0o755))
	postgres := project.Services["postgres"]
	start := func(password string) (string, error) {
		cmd := exec.Command(postgres.Entrypoint[0],
			append(slices.Clone([]string(postgres.Entrypoint[1:])), postgres.Command...)...)
		cmd.Env = []string{"PATH=" + bin + ":/usr/bin:/bin", "POSTGRES_PASSWORD=" + password}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	said, err := start("change-me")
	require.Error(t, err)
	require.Equal(t, "POSTGRES_ADMIN_PASSWORD is still change-me: choose one\n", said)
	said, err = start("another")
	require.NoError(t, err)
	require.Equal(t, "started "+strings.Join(postgres.Command, " ")+"\n", said)
}

// TestComposeBoundsEveryService: what a service that was broken into could use, and do.
func TestComposeBoundsEveryService(t *testing.T) {
	project, err := compose(t, composeEnv, "debug")
	require.NoError(t, err)
	for name, service := range project.Services {
		assert.Positive(t, service.MemLimit, name)
		assert.Positive(t, service.PidsLimit, name)
		assert.Equal(t, []string{"ALL"}, service.CapDrop, name)
		assert.Empty(t, service.CapAdd, name)
		assert.Contains(t, service.SecurityOpt, "no-new-privileges:true", name)
		assert.True(t, service.ReadOnly, name)
		assert.Contains(t, service.Tmpfs, "/tmp", name)
		assert.False(t, service.Privileged, name)
		assert.Empty(t, service.Configs,
			"%s: the content of a config cannot be put into an image that is not written to", name)
		for _, volume := range service.Volumes {
			assert.True(t, volume.ReadOnly || volume.Type == types.VolumeTypeVolume, "%s: %s",
				name, volume.Target)
		}
		if service.Build == nil { // our own images say so themselves
			assert.NotEmpty(t, service.User, name)
			assert.NotContains(t, []string{"root", "0", "0:0"}, service.User, name)
		}
	}
}

// TestNGINXDoesNotReachTheServersInCompose: they have a network without it, from which there is no
// way out.
func TestNGINXDoesNotReachTheServersInCompose(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	for name, networks := range map[string][]string{
		"nginx": {"front", "outer"}, "api": {"front", "inner"}, "worker": {"inner"},
		"postgres": {"inner"}, "rabbitmq": {"inner"}, "redis": {"inner"},
	} {
		assert.ElementsMatch(t, networks,
			slices.Collect(maps.Keys(project.Services[name].Networks)), name)
	}
	assert.True(t, project.Networks["front"].Internal)
	assert.True(t, project.Networks["inner"].Internal)
	assert.False(t, project.Networks["outer"].Internal,
		"a port can be published from such a one only")
	for subnet, env := range map[string][]string{"172.31.253.0/24": nil,
		"10.9.8.0/24": {"PLENARY_FRONT_SUBNET=10.9.8.0/24"}} {
		project, err := compose(t, append(slices.Clip(composeEnv), env...))
		require.NoError(t, err)
		require.Len(t, project.Networks["front"].Ipam.Config, 1)
		assert.Equal(t, subnet, project.Networks["front"].Ipam.Config[0].Subnet)
		assert.Equal(t, subnet, *project.Services["api"].Environment["PLENARY_TRUSTED_PROXIES"],
			"the API believes NGINX")
	}
}

// TestComposeGivesTheProcessesTheRolesThatTheTestsHave: test/stack reads the same files.
func TestComposeGivesTheProcessesTheRolesThatTheTestsHave(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	for name, files := range map[string]map[string]string{
		"postgres": {"/docker-entrypoint-initdb.d/plenary.sql": "postgres/init.sql"},
		"rabbitmq": {"/etc/rabbitmq/conf.d/20-role.conf": "rabbitmq/role.conf",
			"/etc/rabbitmq/conf.d/20-plenary.conf": "rabbitmq/plenary.conf"},
		"redis": {"/etc/valkey/plenary.conf": "redis/plenary.conf"},
	} {
		for target, file := range files {
			assert.True(t, slices.ContainsFunc(project.Services[name].Volumes,
				func(v types.ServiceVolumeConfig) bool {
					return v.Target == target && v.Source == filepath.Join(repository(t), file)
				}), "%s is %s", target, file)
		}
	}
	assert.NotContains(t, project.Services["postgres"].Environment, "POSTGRES_USER",
		"the superuser is not the processes' role")
	assert.NotContains(t, project.Services["postgres"].Environment, "POSTGRES_DB",
		"init.sql makes it, for its owner")
	role := read(t, "rabbitmq/role.conf")
	assert.Contains(t, role, "default_user_tags.administrator = false\n")
	assert.NotContains(t, role, "= .*")
}

func TestComposeServesMetricsWhereNothingIsPublished(t *testing.T) {
	project, err := compose(t, composeEnv, "debug")
	require.NoError(t, err)
	assert.Equal(t, ":8081", *project.Services["api"].Environment["PLENARY_METRICS_ADDR"])
	for name, service := range project.Services {
		for _, port := range service.Ports {
			assert.NotEqualValues(t, 8081, port.Target, name)
		}
	}
}

func TestComposePassesOnWherePhonesReachIt(t *testing.T) {
	for public, env := range map[string][]string{"": composeEnv,
		"https://vote.example": append(slices.Clip(composeEnv),
			"PLENARY_PUBLIC_URL=https://vote.example")} {
		project, err := compose(t, env)
		require.NoError(t, err)
		assert.Equal(t, public, *project.Services["api"].Environment["PLENARY_PUBLIC_URL"])
	}
}

// TestNGINXGivesUpAClientThatVanishedWithinHalfAMinute: 6 is (2⁷-1) times the least time between
// two attempts, 0.2 s.
func TestNGINXGivesUpAClientThatVanishedWithinHalfAMinute(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	assert.Equal(t, "6", project.Services["nginx"].Sysctls["net.ipv4.tcp_retries2"])
}

func TestTheExampleEnvironmentIsComplete(t *testing.T) {
	named := map[string]bool{}
	var env []string
	for line := range strings.Lines(read(t, ".env.example")) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			key, _, _ := strings.Cut(line, "=")
			named[key] = true
			env = append(env, line)
		}
	}
	text := read(t, "docker-compose.yml")
	required := regexp.MustCompile(`\$\{([A-Z_]+):\?`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, required)
	for _, match := range required {
		assert.True(t, named[match[1]], "%s is required and not in .env.example", match[1])
	}
	for key := range named {
		assert.Contains(t, text, "${"+key, "%s is in .env.example and not used", key)
	}
	_, err := compose(t, env, "debug")
	require.NoError(t, err)
}

func TestComposeFillsInEveryNameOfTheNGINXTemplate(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	nginx := project.Services["nginx"]
	var mounted bool
	for _, volume := range nginx.Volumes {
		mounted = mounted || volume.Target == "/etc/nginx/templates/nginx.conf.template"
	}
	assert.True(t, mounted, "the image takes templates from there")
	names := regexp.MustCompile(`\$\{([^}]*)\}`).
		FindAllStringSubmatch(read(t, "nginx/nginx.conf"), -1)
	require.NotEmpty(t, names)
	values := nginxValues(t, nginx)
	for _, match := range names {
		assert.Contains(t, values, match[1])
	}
	assert.Contains(t, *nginx.Environment["NGINX_SERVERS"], "server api:8080 resolve ",
		"--scale is followed")
	assert.Contains(t, *nginx.Environment["NGINX_RESOLVER"], "127.0.0.11")
}

// nginxValues is what the image's start script finds in its environment: the service's, and what
// the script makes that it reads first.
func nginxValues(t *testing.T, nginx types.ServiceConfig) map[string]string {
	t.Helper()
	script := "nginx/settings.envsh"
	var mounted bool
	for _, volume := range nginx.Volumes {
		mounted = mounted || volume.Target == "/docker-entrypoint.d/16-plenary.envsh" &&
			strings.HasSuffix(volume.Source, script)
	}
	assert.True(t, mounted, "the image reads it from there, before it fills in the template")
	info, err := os.Stat(filepath.Join(repository(t), script))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode().Perm(),
		"the image leaves out what cannot be run")
	values := map[string]string{}
	var settings []string
	for name, value := range nginx.Environment {
		values[name] = *value
		settings = append(settings, name+"="+*value)
	}
	made, err := stack.NGINXSettings(settings...)
	require.NoError(t, err)
	maps.Copy(values, made)
	return values
}

// TestNGINXTakesTheConfigurationThatComposeMakes lets NGINX check the file with Compose's values.
// Only the list of replicas is another. Its "resolve" needs a newer NGINX than a distribution may
// have, and the name is known in Compose's network only.
func TestNGINXTakesTheConfigurationThatComposeMakes(t *testing.T) {
	if testing.Short() {
		t.Skip("needs NGINX")
	}
	for _, env := range [][]string{nil,
		{"NGINX_TRUSTED=10.0.0.0/8, 2001:db8::/32", "NGINX_ADDRESS_CONNECTIONS=500"}} {
		takesNGINX(t, append(slices.Clip(composeEnv), env...))
	}
}

func takesNGINX(t *testing.T, env []string) {
	t.Helper()
	project, err := compose(t, env)
	require.NoError(t, err)
	values, home := nginxValues(t, project.Services["nginx"]), t.TempDir()
	conf := regexp.MustCompile(`\$\{NGINX_[A-Z_]+\}`).
		ReplaceAllStringFunc(read(t, "nginx/nginx.conf"), func(name string) string {
			switch name = name[2 : len(name)-1]; name {
			case "NGINX_SERVERS":
				return "server 127.0.0.1:1 max_fails=100 fail_timeout=2s;"
			case "NGINX_STATE":
				return home
			}
			return values[name]
		})
	path := filepath.Join(home, "nginx.conf")
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o600))
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx" // Debian keeps it off a user's path
	}
	out, err := exec.CommandContext(t.Context(), nginx, "-t", "-p", home, "-c", path, "-e",
		"stderr").CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.NotContains(t, string(out), "[emerg]")
}

func TestTheComposeSettingsAreOnesThatTheProcessesKnow(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	settings := read(t, "docs/config.md")
	for _, name := range []string{"api", "worker"} {
		for key := range project.Services[name].Environment {
			assert.Contains(t, settings, "`"+key+"`", name)
		}
	}
}

// There is no container engine where the tests run, so they do what the Dockerfile's build stage
// would. They run its build commands on what .dockerignore lets through, and look at what comes of
// it.
func TestTheDockerfileBuildsStaticBinaries(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the API and the worker")
	}
	t.Parallel()
	dockerfile := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	src, out := buildContext(t), t.TempDir()
	commands := regexp.MustCompile(`(?m)^RUN (?:--mount=\S+ +)*(.*go build.*)$`).
		FindAllStringSubmatch(dockerfile, -1)
	require.Len(t, commands, 2)
	for _, match := range commands {
		cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(match[1], "/out/", out+"/"))
		cmd.Dir = src
		combined, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s\n%s", match[1], combined)
	}
	for _, name := range []string{"api", "worker"} {
		assert.Contains(t, dockerfile, fmt.Sprintf("COPY --from=build /out/%[1]s /%[1]s\n", name))
		assert.Contains(t, dockerfile, fmt.Sprintf("ENTRYPOINT [%q]", "/"+name))
		// fails for a static binary
		libraries, _ := exec.Command("ldd", filepath.Join(out, name)).CombinedOutput()
		assert.Contains(t, string(libraries), "not a dynamic executable", name)
	}
	assert.Regexp(t, `(?m)^USER \d+:\d+$`, dockerfile, "not root")
}

// buildContext copies what the Docker client would send.
func buildContext(t *testing.T) string {
	t.Helper()
	root, dst := repository(t), t.TempDir()
	for line := range strings.Lines(read(t, ".dockerignore")) {
		name, sent := strings.CutPrefix(strings.TrimSpace(line), "!")
		if !sent {
			continue
		}
		err := filepath.WalkDir(filepath.Join(root, name),
			func(path string, entry os.DirEntry, err error) error {
				if err != nil || strings.HasSuffix(path, "_test.go") {
					return err
				}
				rel, err := filepath.Rel(root, path)
				if err != nil {
					return err
				}
				switch {
				case entry.IsDir() && entry.Name() == "testdata":
					return filepath.SkipDir
				case entry.IsDir():
					return os.MkdirAll(filepath.Join(dst, rel), 0o755)
				}
				raw, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(dst, rel), raw, 0o644)
			})
		require.NoError(t, err)
	}
	return dst
}
