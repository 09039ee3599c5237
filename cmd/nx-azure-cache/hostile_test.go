package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// shortBad is a hostile value that is shown: it is short, and has no characters of a
// secret.
const shortBad = "\x1b[2K\nnx-azure-cache: forged\n\u009b\u202e\u200b$(touch x)"

// reported returns the line that the process writes to stderr for an error.
func reported(err error) string {
	var stderr strings.Builder
	exitCodeOf(err, &stderr)
	return stderr.String()
}

// peopleRead are the fields of our JSON that people read, perhaps unescaped.
var peopleRead = []string{"seen", "fix", "check", "message", "reason", "scopeReason", "location", "organization"}

// checkJSON fails if the fields for people in JSON text contain control characters.
func checkJSON(t *testing.T, text string) {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("got %q: %v", text, err)
	}
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, member := range value {
				if said, ok := member.(string); ok && slices.Contains(peopleRead, key) {
					testenv.CheckShown(t, said)
					if strings.ContainsAny(said, "\n\t") {
						t.Errorf("%s is %q, want one line", key, said)
					}
				}
				walk(member)
			}
		case []any:
			for _, item := range value {
				walk(item)
			}
		}
	}
	walk(value)
}

// hostileConfigs returns blocks with one hostile string or key.
func hostileConfigs(t *testing.T) map[string]string {
	t.Helper()
	var golden map[string]any
	if err := json.Unmarshal([]byte(testenv.GoldenConfig), &golden); err != nil {
		t.Fatal(err)
	}
	delete(golden["trust"].(map[string]any), "isolation")
	configs := make(map[string]string)
	note := func(name string) {
		text, err := json.Marshal(golden)
		if err != nil {
			t.Fatal(err)
		}
		configs[name] = string(text)
	}
	var vary func(path string, value any, set func(any))
	vary = func(path string, value any, set func(any)) {
		switch value := value.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(value)) {
				vary(path+"."+key, value[key], func(other any) { value[key] = other })
			}
			value[shortBad] = "x"
			note(path + ", a key")
			delete(value, shortBad)
		case []any:
			for i := range value {
				vary(fmt.Sprint(path, i), value[i], func(other any) { value[i] = other })
			}
		case string:
			for _, other := range []string{testenv.Hostile, shortBad} {
				set(other)
				note(fmt.Sprintf("%s, %d bytes", path, len(other)))
			}
			set(value)
		}
	}
	vary("azure", golden, nil)
	for _, path := range []string{"$(touch x)`touch x`\u009b31m\u202e\u200b'", "%C2%9B31m%0Aforged"} {
		text, err := json.Marshal(map[string]string{"container": "artifacts", "endpoint": "https://127.0.0.1:1/" + path, "credential": "anonymous"})
		if err != nil {
			t.Fatal(err)
		}
		configs[fmt.Sprintf("endpoint %+q", path)] = string(text)
	}
	return configs
}

// checkCommands runs all commands, and a session of Nx.
func checkCommands(t *testing.T, environment testenv.Env, config string) {
	t.Helper()
	for _, command := range []string{
		"doctor", "doctor --json", "doctor --security", "ls", "inspect 1", "evict --hash 1", "evict --hash 1 --yes", "license status", "keys show",
	} {
		stdout, stderr, err := runWith(t, environment, strings.Fields(command)...)
		testenv.CheckShown(t, stdout+stderr+reported(err))
		if strings.HasSuffix(command, "--json") {
			checkJSON(t, stdout)
		}
	}
	said := ofARun(t, environment, config)
	messages := regexp.MustCompile(`Content-Length: \d+\r\n\r\n`).Split(said, -1)
	last := len(messages) - 1
	end := strings.LastIndex(messages[last], "}") // the rest is the log
	if log := strings.IndexByte(messages[last], '\n'); log > 0 {
		end = strings.LastIndex(messages[last][:log], "}")
	}
	testenv.CheckShown(t, messages[last][end+1:])
	messages[last] = messages[last][:end+1]
	for _, message := range messages[1:] {
		checkJSON(t, message)
	}
}

func TestHostileCheckout(t *testing.T) {
	for name, config := range hostileConfigs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, connection := testenv.StartStorage(t)
			if strings.HasPrefix(name, "endpoint") {
				connection = ""
			}
			checkCommands(t, testenv.LicensedEnv(t, testenv.MainRun, config, connection), config)
		})
	}
}

// The document about the checkout that the npm package passes.
func TestHostileDocument(t *testing.T) {
	row := config.LauncherCheck{Part: "package", ID: testenv.Hostile, Check: testenv.Hostile, Status: "failed", Seen: testenv.Hostile, Fix: testenv.Hostile}
	for name, changes := range map[string]map[string]any{
		"what the package found": {"launcher": config.Launcher{Version: testenv.Hostile, Checks: []config.LauncherCheck{row}}},
		"problem":                {"problem": testenv.Hostile, "config": nil},
		"default base":           {"defaultBase": testenv.Hostile},
		"version of Nx":          {"nxVersion": testenv.Hostile},
		"root":                   {"workspaceRoot": "/" + testenv.Hostile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, connection := testenv.StartStorage(t)
			environment := testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection)
			checkCommands(t, testenv.Tell(t, environment, func(document map[string]any) { maps.Copy(document, changes) }), testenv.PlainConfig)
		})
	}
}

// Environment variables, which may contain names of branches and files of other people.
func TestHostileVariables(t *testing.T) {
	for name, changes := range map[string]testenv.Env{
		"branch":          {"GITHUB_REF": "refs/heads/" + testenv.Hostile},
		"tag":             {"GITHUB_REF": "refs/tags/" + testenv.Hostile},
		"pull request":    {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/" + testenv.Hostile},
		"event":           {"GITHUB_EVENT_NAME": testenv.Hostile},
		"another CI":      {"GITHUB_ACTIONS": "", "CI": "true", "NX_AZURE_CACHE_REF": "refs/heads/" + testenv.Hostile},
		"provenance":      {"GITHUB_REPOSITORY": testenv.Hostile, "GITHUB_SHA": testenv.Hostile, "GITHUB_RUN_ID": testenv.Hostile},
		"mode":            {config.ModeVariable: shortBad},
		"credential":      {config.CredentialVariable: shortBad},
		"log":             {logFileVariable: "/nowhere/" + shortBad},
		"SAS":             {config.ConnectionVariable: "", config.SASVariable: "https://127.0.0.1:1/" + testenv.Hostile},
		"connection":      {config.ConnectionVariable: "BlobEndpoint=https://" + testenv.Hostile},
		"proxy":           {"HTTPS_PROXY": "http://" + testenv.Hostile},
		"certificates":    {"NODE_EXTRA_CA_CERTS": "/nowhere/" + testenv.Hostile},
		"signing key":     {trust.SigningKeyVariable: testenv.Hostile},
		"license":         {license.Variable: testenv.Hostile},
		"another license": {license.Variable: testenv.License(t, "wrong-feature.jwt")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, connection := testenv.StartStorage(t)
			environment := testenv.LicensedEnv(t, testenv.MainRun, testenv.PlainConfig, connection)
			maps.Copy(environment, changes)
			checkCommands(t, environment, testenv.PlainConfig)
		})
	}
}

// The metadata and the names of entries.
func TestHostileStorage(t *testing.T) {
	s := newTestInventory(t)
	from := trust.Provenance{Repository: testenv.Hostile, Ref: testenv.Hostile, Commit: testenv.Hostile, Run: testenv.Hostile, Tool: testenv.Hostile, Task: testenv.Hostile}
	s.put(stored{scope: "pr-" + strings.ReplaceAll(testenv.Hostile, "\n", ""), hash: "1", from: from})
	s.put(stored{scope: "trusted", hash: "1", key: "foreign", from: from})
	s.putBlob(inventoryContainer, "team/v1/trusted/2", azuretest.Blob{Metadata: map[string][]string{
		"Dsse": {`{"payloadType":"` + "\u009b\u202e" + `"}`}, "Sha256": {"\u009b\u202e"}, "Format": {"\u009b"},
	}})
	s.putBlob(inventoryContainer, "team/v1/\x9b31m/3", azuretest.Blob{})
	rights := azuretest.FullRights()
	rights.Delete = false
	s.service.Allow(azuretest.KeyOf(azuretest.Account), rights)
	s.service.AddFault(faults.Fault{Method: "HEAD", Blob: "*31m/3", Action: faults.Fail, Status: 400})
	failing := []string{"inspect", "3"} // of a blob with such a name
	for _, args := range [][]string{
		{"ls"}, {"ls", "--json"}, {"ls", "--sort", "task"}, {"ls", "--total"}, {"ls", "*:*"}, {"inspect", "*:*"}, {"ls", testenv.Hostile}, {"inspect", "1"}, {"inspect", "1", "--json", "--verify"}, {"inspect", "2", "--verify"},
		{"inspect", "4", "--scope", testenv.Hostile}, {"evict", "--hash", "1"}, {"evict", "--hash", "1", "--yes"}, {"evict", "--scope", "*", "--yes"},
		failing, {"ls", "--prefix", testenv.Hostile}, {"ls", "--ref", testenv.Hostile}, {"ls", "--after", testenv.Hostile}, {"inspect", testenv.Hostile}, {testenv.Hostile}, {"ls", "--" + testenv.Hostile},
		{"keys", "show", "/nowhere/" + testenv.Hostile}, {"keys", "generate", "--out", "/nowhere/" + testenv.Hostile}, {"license", "activate", testenv.Hostile},
	} {
		stdout, stderr, err := s.run(args...)
		testenv.CheckShown(t, stdout+stderr+reported(err))
	}
	if got := s.hashes("--scope", "pr-*"); !slices.Equal(got, []string{"1"}) {
		t.Errorf("got %q, want the entry with the odd name", got)
	}
}
