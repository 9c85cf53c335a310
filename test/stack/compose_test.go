package stack_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
	options, err := cli.NewProjectOptions([]string{filepath.Join(repository(t), "docker-compose.yml")},
		cli.WithEnv(env), cli.WithProfiles(profiles), cli.WithNormalization(true), cli.WithConsistency(true))
	require.NoError(t, err)
	return options.LoadProject(t.Context())
}

var composeEnv = []string{"POSTGRES_PASSWORD=pg-word", "RABBITMQ_PASSWORD=rabbit-word"}

func TestComposeStartsTheProductionShapeInTheOrderOfHealth(t *testing.T) {
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"postgres", "rabbitmq", "api", "worker", "nginx"}, project.ServiceNames())
	for name, waitsFor := range map[string][]string{
		"api": {"postgres", "rabbitmq"}, "worker": {"postgres", "rabbitmq"}, "nginx": {"api"},
		"postgres": nil, "rabbitmq": nil,
	} {
		service := project.Services[name]
		assert.Len(t, service.DependsOn, len(waitsFor), name)
		for _, dependency := range waitsFor {
			assert.Equal(t, types.ServiceConditionHealthy, service.DependsOn[dependency].Condition, "%s on %s", name, dependency)
		}
	}
}

func TestEveryComposeServiceHasAnImageAHealthCheckAndBoundedLogs(t *testing.T) {
	project, err := compose(t, composeEnv, "debug")
	require.NoError(t, err)
	assert.Len(t, project.Services, 6)
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
		_, err := compose(t, []string{composeEnv[1-i]})
		require.ErrorContains(t, err, "set it in .env", "without %s", composeEnv[i])
	}
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	for _, name := range []string{"api", "worker"} {
		env := project.Services[name].Environment
		assert.Contains(t, *env["PLENARY_DATABASE_URL"], ":pg-word@postgres:5432/")
		assert.Contains(t, *env["PLENARY_AMQP_URL"], ":rabbit-word@rabbitmq:5672/")
	}
	assert.Equal(t, "pg-word", *project.Services["postgres"].Environment["POSTGRES_PASSWORD"])
	assert.Equal(t, "rabbit-word", *project.Services["rabbitmq"].Environment["RABBITMQ_DEFAULT_PASS"])

	for line := range strings.Lines(read(t, "docker-compose.yml")) {
		if key, value, found := strings.Cut(line, ":"); found && regexp.MustCompile(`^ *[A-Z_]*(PASS|SECRET|TOKEN)`).MatchString(key) {
			assert.Contains(t, value, "${", "a password is written down: %s", line)
		}
	}
}

func TestComposePassesOnWherePhonesReachIt(t *testing.T) {
	for public, env := range map[string][]string{"": composeEnv, "https://vote.example": append(composeEnv[:2:2], "PLENARY_PUBLIC_URL=https://vote.example")} {
		project, err := compose(t, env)
		require.NoError(t, err)
		assert.Equal(t, public, *project.Services["api"].Environment["PLENARY_PUBLIC_URL"])
	}
}

// TestNGINXGivesUpAClientThatVanishedWithinHalfAMinute: 6 is (2⁷-1) times the least time between two attempts, 0.2 s.
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
	names := regexp.MustCompile(`\$\{([^}]*)\}`).FindAllStringSubmatch(read(t, "nginx/nginx.conf"), -1)
	require.NotEmpty(t, names)
	for _, match := range names {
		assert.NotNil(t, nginx.Environment[match[1]], match[1])
	}
	assert.Contains(t, *nginx.Environment["NGINX_SERVERS"], "server api:8080 resolve ", "--scale is followed")
	assert.Contains(t, *nginx.Environment["NGINX_RESOLVER"], "127.0.0.11")
}

// TestNGINXTakesTheConfigurationThatComposeMakes lets NGINX check the file with Compose's values. Only the list of replicas is
// another: "resolve" needs a newer NGINX than a distribution may have, and the name is known in Compose's network only.
func TestNGINXTakesTheConfigurationThatComposeMakes(t *testing.T) {
	if testing.Short() {
		t.Skip("needs NGINX")
	}
	project, err := compose(t, composeEnv)
	require.NoError(t, err)
	values, home := project.Services["nginx"].Environment, t.TempDir()
	conf := regexp.MustCompile(`\$\{NGINX_[A-Z_]+\}`).ReplaceAllStringFunc(read(t, "nginx/nginx.conf"), func(name string) string {
		switch name = name[2 : len(name)-1]; name {
		case "NGINX_SERVERS":
			return "server 127.0.0.1:1 max_fails=100 fail_timeout=2s;"
		case "NGINX_STATE":
			return home
		}
		return *values[name]
	})
	path := filepath.Join(home, "nginx.conf")
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o600))
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx" // Debian keeps it off a user's path
	}
	out, err := exec.CommandContext(t.Context(), nginx, "-t", "-p", home, "-c", path, "-e", "stderr").CombinedOutput()
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

// There is no container engine where the tests run, so they do what the Dockerfile's build stage would: run
// its build commands on what .dockerignore lets through, and look at what comes of it.
func TestTheDockerfileBuildsStaticBinaries(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the API and the worker")
	}
	dockerfile := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	src, out := buildContext(t), t.TempDir()
	commands := regexp.MustCompile(`(?m)^RUN (?:--mount=\S+ +)*(.*go build.*)$`).FindAllStringSubmatch(dockerfile, -1)
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
		libraries, _ := exec.Command("ldd", filepath.Join(out, name)).CombinedOutput() // fails for a static binary
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
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry os.DirEntry, err error) error {
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
