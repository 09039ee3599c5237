package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// env is an environment.
type env map[string]string

func (e env) get(name string) string { return e[name] }

// A connection string, and what of it is secret.
const (
	accountKey       = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="
	connectionString = "DefaultEndpointsProtocol=https;AccountName=nxcache;AccountKey=" + accountKey + ";EndpointSuffix=core.windows.net"
)

func TestSettings(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		ci     bool
		env    env
		want   settings
	}{
		"the least there can be": {
			config: `{"container": "artifacts", "accountName": "nxcache"}`,
			want:   settings{mode: cache.ReadWrite, container: "artifacts", accountName: "nxcache"},
		},
		"all there is": {
			config: `{"container": "artifacts", "accountName": "nxcache", "endpoint": "https://nxcache.blob.core.usgovcloudapi.net",
				"prefix": "team/app", "localMode": "read-only", "ciMode": "read-write"}`,
			want: settings{mode: cache.ReadOnly, container: "artifacts", accountName: "nxcache",
				endpoint: "https://nxcache.blob.core.usgovcloudapi.net", prefix: "team/app"},
		},
		"an endpoint instead of an account": {
			config: `{"container": "artifacts", "endpoint": "https://10.0.0.4/nxcache/"}`,
			want:   settings{mode: cache.ReadWrite, container: "artifacts", endpoint: "https://10.0.0.4/nxcache/"},
		},
		"a connection string instead of an account (nx#30018)": {
			config: `{"container": "artifacts"}`,
			env:    env{connectionVariable: connectionString},
			want:   settings{mode: cache.ReadWrite, container: "artifacts", connectionString: connectionString, connectionFrom: connectionVariable},
		},
		"a connection string with white space around it": {
			config: `{"container": "artifacts"}`,
			env:    env{connectionVariable: "\n " + connectionString + "\r\n"},
			want:   settings{mode: cache.ReadWrite, container: "artifacts", connectionString: connectionString, connectionFrom: connectionVariable},
		},
		"an endpoint that a connection string replaces": {
			config: `{"container": "artifacts", "accountName": "${ACCOUNT}", "endpoint": "${ENDPOINT}"}`,
			env:    env{connectionVariable: connectionString},
			want: settings{mode: cache.ReadWrite, container: "artifacts", accountName: "${ACCOUNT}", endpoint: "${ENDPOINT}",
				connectionString: connectionString, connectionFrom: connectionVariable},
		},
		"an account that an endpoint replaces": {
			config: `{"container": "artifacts", "accountName": "${ACCOUNT}", "endpoint": "https://10.0.0.4"}`,
			want:   settings{mode: cache.ReadWrite, container: "artifacts", accountName: "${ACCOUNT}", endpoint: "https://10.0.0.4"},
		},
		"empty texts, which are not set": {
			config: `{"container": "artifacts", "accountName": "nxcache", "endpoint": "", "prefix": "", "localMode": "", "ciMode": " "}`,
			env:    env{connectionVariable: "", modeVariable: ""},
			want:   settings{mode: cache.ReadWrite, container: "artifacts", accountName: "nxcache"},
		},
		"blank variables, which are not set": {
			config: `{"container": "artifacts", "accountName": "nxcache", "localMode": "read-only"}`,
			env:    env{connectionVariable: " \n", modeVariable: "\t"},
			want:   settings{mode: cache.ReadOnly, container: "artifacts", accountName: "nxcache"},
		},
		"all time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache",
				"timeouts": {"connect": "1.5s", "firstByte": "250ms", "stall": " 2m30s ", "drain": "10m"}}`,
			want: settings{mode: cache.ReadWrite, container: "artifacts", accountName: "nxcache",
				limits: transport.Limits{Connect: 1500 * time.Millisecond, FirstByte: 250 * time.Millisecond, Stall: 150 * time.Second},
				drain:  10 * time.Minute},
		},
		"the shortest time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache",
				"timeouts": {"connect": "100ms", "firstByte": "0.1s", "stall": "100000us", "drain": "0"}}`,
			want: settings{mode: cache.ReadWrite, container: "artifacts", accountName: "nxcache",
				limits: transport.Limits{Connect: 100 * time.Millisecond, FirstByte: 100 * time.Millisecond, Stall: 100 * time.Millisecond},
				drain:  0},
		},
		"some time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache", "timeouts": {"connect": "", "stall": "1m", "drain": "0s"}}`,
			want: settings{mode: cache.ReadWrite, container: "artifacts", accountName: "nxcache",
				limits: transport.Limits{Connect: 5 * time.Second, FirstByte: 10 * time.Second, Stall: time.Minute},
				drain:  0},
		},
		"no time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache", "timeouts": {}}`,
			want:   settings{mode: cache.ReadWrite, container: "artifacts", accountName: "nxcache"},
		},
		"null for the time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache", "timeouts": null}`,
			want:   settings{mode: cache.ReadWrite, container: "artifacts", accountName: "nxcache"},
		},
		"white space around values": {
			config: `{"container": " artifacts ", "accountName": "nxcache\n", "prefix": " team ", "localMode": " read-only "}`,
			want:   settings{mode: cache.ReadOnly, container: "artifacts", accountName: "nxcache", prefix: "team"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := readSettings(json.RawMessage(test.config), test.ci, test.env.get)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("got the error %v and the warnings %q, want none", err, warnings)
			}
			if test.want.maxArtifactSize == 0 {
				test.want.maxArtifactSize = azure.MaxBlob
			}
			if test.want.limits == (transport.Limits{}) {
				test.want.limits, test.want.drain = transport.DefaultLimits, time.Minute
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// F11: every spelling means what it says; see TestNearestValues for those that mean
// nothing.
func TestF11_every_spelling_of_a_mode(t *testing.T) {
	const both = `"localMode": "read-only", "ciMode": "read-write"`
	for name, test := range map[string]struct {
		keys string
		ci   bool
		env  string
		want cache.Mode
	}{
		"by default":                          {``, false, "", cache.ReadWrite},
		"by default in CI":                    {``, true, "", cache.ReadWrite},
		"local":                               {both, false, "", cache.ReadOnly},
		"in CI":                               {both, true, "", cache.ReadWrite},
		"local, where only CI's is set":       {`"ciMode": "no-cache"`, false, "", cache.ReadWrite},
		"in CI, where only the local is set":  {`"localMode": "no-cache"`, true, "", cache.ReadWrite},
		"the variable beats localMode":        {both, false, "read-write", cache.ReadWrite},
		"the variable beats ciMode":           {both, true, "no-cache", cache.NoCache},
		"the variable beats a mistake":        {`"localMode": "on"`, false, "read-only", cache.ReadOnly},
		"the old plugin's read (nx#31535)":    {`"localMode": "read"`, false, "", cache.ReadOnly},
		"read in the variable":                {``, false, "read", cache.ReadOnly},
		"no-cache":                            {`"ciMode": "no-cache"`, true, "", cache.NoCache},
		"a mistake in the other run's mode":   {`"localMode": "on"`, true, "", cache.ReadWrite},
		"white space around the variable":     {``, false, " read-only\n", cache.ReadOnly},
		"a variable that is set to read-only": {`"localMode": "no-cache"`, false, "read-only", cache.ReadOnly},
	} {
		t.Run(name, func(t *testing.T) {
			config := `{"container": "artifacts", "accountName": "nxcache"`
			if test.keys != "" {
				config += ", " + test.keys
			}
			got, _, err := readSettings(json.RawMessage(config+"}"), test.ci, env{modeVariable: test.env}.get)
			if err != nil || got.mode != test.want {
				t.Errorf("got %q and %v, want %q", got.mode, err, test.want)
			}
		})
	}
}

// Each message names the place, what is there and what may be there.
func TestWrongSettings(t *testing.T) {
	const good = `"container": "artifacts", "accountName": "nxcache"`
	for name, test := range map[string]struct {
		config string
		ci     bool
		env    env
		want   []string // mistakes in their order; each has all texts between "|"
	}{
		"no block":               {"", false, nil, []string{`"azure" in nx.json|missing|container|accountName|nx g @nx/powerpack-azure-cache:init`}},
		"null for the block":     {"null", false, nil, []string{`"azure" in nx.json|missing`}},
		"a string for the block": {`"` + connectionString + `"`, false, nil, []string{`"azure" in nx.json|must be an object`}},
		"a list for the block":   {`[{"container":"artifacts"}]`, false, nil, []string{`"azure" in nx.json|must be an object`}},
		"a number for the block": {"1", false, nil, []string{`"azure" in nx.json|must be an object`}},
		"an empty block": {"{}", false, nil, []string{
			"azure.accountName in nx.json|missing|AZURE_STORAGE_CONNECTION_STRING",
			"azure.container in nx.json|missing",
		}},
		"no container":            {`{"accountName": "nxcache"}`, false, nil, []string{"azure.container in nx.json|missing|a container that exists"}},
		"an empty container":      {`{"container": "", "accountName": "nxcache"}`, false, nil, []string{"azure.container in nx.json|missing"}},
		"a container's wrong":     {`{"container": "Nx_Cache", "accountName": "nxcache"}`, false, nil, []string{`azure.container in nx.json|"Nx_Cache"|lower-case`}},
		"a container in a string": {`{"container": "Nx_Cache"}`, false, env{connectionVariable: connectionString}, []string{`azure.container in nx.json|"Nx_Cache"`}},
		"no account":              {`{"container": "artifacts"}`, false, nil, []string{"azure.accountName in nx.json|missing|AZURE_STORAGE_CONNECTION_STRING"}},
		"a wrong account":         {`{"container": "artifacts", "accountName": "Nx-Cache"}`, false, nil, []string{`azure.accountName in nx.json|"Nx-Cache"|lower-case`}},
		"an endpoint of http": {`{"container": "artifacts", "endpoint": "http://127.0.0.1"}`, false, nil,
			[]string{`azure.endpoint in nx.json|"http://127.0.0.1"|https://`}},
		"an endpoint with a SAS": {`{"container": "artifacts", "endpoint": "https://nxcache.blob.core.windows.net/?sv=1&sig=x"}`, false, nil,
			[]string{"azure.endpoint in nx.json|a text of 49 characters|AZURE_STORAGE_CONNECTION_STRING"}},
		"a connection string for an account": {`{"container": "artifacts", "accountName": "AccountName=x;AccountKey=y"}`, false, nil,
			[]string{"azure.accountName in nx.json|AZURE_STORAGE_CONNECTION_STRING"}},
		"an endpoint that is no URL": {`{"container": "artifacts", "endpoint": "nxcache"}`, false, nil, []string{"azure.endpoint in nx.json|https://"}},
		"a prefix that goes up":      {"{" + good + `, "prefix": "../x"}`, false, nil, []string{`azure.prefix in nx.json|"../x"|letters, digits`}},
		"a licence in the prefix":    {"{" + good + `, "prefix": "eyJhbGciOiJFZERTQSJ9.eyJleHAiOjF9.c2ln"}`, false, nil, []string{`azure.prefix in nx.json|licence|NX_POWERPACK_LICENSE`}},
		"a prefix with a gap":        {"{" + good + `, "prefix": "a//b"}`, false, nil, []string{`azure.prefix in nx.json|"a//b"`}},
		"an unknown localMode":       {"{" + good + `, "localMode": "on"}`, false, nil, []string{`azure.localMode in nx.json|"on"|read-write|read-only, read and no-cache`}},
		"an unknown ciMode":          {"{" + good + `, "ciMode": "Read-Write"}`, true, nil, []string{`azure.ciMode in nx.json|"Read-Write"|read-write`}},
		"an unknown mode in the variable": {"{" + good + "}", false, env{modeVariable: "readonly"},
			[]string{`NX_POWERPACK_CACHE_MODE|"readonly"|read-write|read-only, read and no-cache`}},
		"a number for a text":             {`{"container": 1, "accountName": "nxcache"}`, false, nil, []string{"azure.container in nx.json|must be a string"}},
		"null for a text":                 {`{"container": "artifacts", "accountName": null}`, false, nil, []string{"azure.accountName in nx.json|must be a string"}},
		"an object for a text":            {"{" + good + `, "prefix": {"a": 1}}`, false, nil, []string{"azure.prefix in nx.json|must be a string"}},
		"a boolean for a mode":            {"{" + good + `, "localMode": true}`, false, nil, []string{"azure.localMode in nx.json|must be a string"}},
		"a number for a time limit":       {"{" + good + `, "timeouts": {"connect": 5}}`, false, nil, []string{"azure.timeouts.connect in nx.json|must be a string"}},
		"null for a time limit":           {"{" + good + `, "timeouts": {"stall": null}}`, false, nil, []string{"azure.timeouts.stall in nx.json|must be a string"}},
		"a time limit without a unit":     {"{" + good + `, "timeouts": {"firstByte": "10"}}`, false, nil, []string{`azure.timeouts.firstByte in nx.json|"10"|"100ms" to "10m"|"10s"`}},
		"a time limit that is none":       {"{" + good + `, "timeouts": {"drain": "long"}}`, false, nil, []string{`azure.timeouts.drain in nx.json|"long"|"1m0s"`}},
		"a time limit too short":          {"{" + good + `, "timeouts": {"connect": "99ms"}}`, false, nil, []string{`azure.timeouts.connect in nx.json|"99ms"|"100ms" to "10m"|"5s"`}},
		"a time limit too long":           {"{" + good + `, "timeouts": {"stall": "10m1ms"}}`, false, nil, []string{`azure.timeouts.stall in nx.json|"10m1ms"|"15s"`}},
		"0 for a time limit":              {"{" + good + `, "timeouts": {"connect": "0"}}`, false, nil, []string{`azure.timeouts.connect in nx.json|"0"`}},
		"0 s for another":                 {"{" + good + `, "timeouts": {"stall": "0s"}}`, false, nil, []string{`azure.timeouts.stall in nx.json|"0s"`}},
		"a drain that is too short":       {"{" + good + `, "timeouts": {"drain": "1ms"}}`, false, nil, []string{`azure.timeouts.drain in nx.json|"1ms"`}},
		"a negative time limit":           {"{" + good + `, "timeouts": {"drain": "-1s"}}`, false, nil, []string{`azure.timeouts.drain in nx.json|"-1s"`}},
		"a time limit beyond all":         {"{" + good + `, "timeouts": {"drain": "9999999h"}}`, false, nil, []string{`azure.timeouts.drain in nx.json|"9999999h"`}},
		"a string for the time limits":    {"{" + good + `, "timeouts": "60s"}`, false, nil, []string{"azure.timeouts in nx.json|must be an object|drain"}},
		"a number for the time limits":    {"{" + good + `, "timeouts": 60}`, false, nil, []string{"azure.timeouts in nx.json|must be an object"}},
		"a list for the time limits":      {"{" + good + `, "timeouts": ["60s"]}`, false, nil, []string{"azure.timeouts in nx.json|must be an object"}},
		"a foreign text for a time limit": {"{" + good + `, "timeouts": {"drain": "AccountKey=x"}}`, false, nil, []string{"azure.timeouts.drain in nx.json|a text of 12 characters|AZURE_STORAGE_CONNECTION_STRING"}},
		"all time limits":                 {"{" + good + `, "timeouts": {"connect": 1, "firstByte": "x", "stall": "0", "drain": "1h"}}`, false, nil, []string{"azure.timeouts.connect", "azure.timeouts.drain", "azure.timeouts.firstByte", "azure.timeouts.stall"}},
		"everything": {`{"container": "X", "accountName": "X", "prefix": "..", "localMode": "x", "ciMode": 5}`, false, nil, []string{
			`azure.accountName in nx.json|"X"`,
			"azure.ciMode in nx.json|must be a string",
			`azure.container in nx.json|"X"`,
			`azure.localMode in nx.json|"x"`,
			`azure.prefix in nx.json|".."`,
		}},
		"the block and the variable": {"[]", false, env{modeVariable: "x"}, []string{`"azure" in nx.json`, `NX_POWERPACK_CACHE_MODE|"x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, warnings, err := readSettings(json.RawMessage(test.config), test.ci, test.env.get)
			if err == nil || len(warnings) > 0 {
				t.Fatalf("got the error %v and the warnings %q, want only an error", err, warnings)
			}
			got := strings.Split(err.Error(), "\n")
			fits := func(got, want string) bool {
				return !slices.ContainsFunc(strings.Split(want, "|"), func(text string) bool { return !strings.Contains(got, text) })
			}
			if !slices.EqualFunc(got, test.want, fits) {
				t.Errorf("got\n\t%s\nwant one with each of\n\t%s", strings.Join(got, "\n\t"), strings.Join(test.want, "\n\t"))
			}
		})
	}
}

func TestUnknownKeys(t *testing.T) {
	const all = "known keys are accountName, cacheFailures, ciMode, cloud, container, credential, endpoint, exclude, include, localMode, maxArtifactSize, prefix, timeouts, trust"
	for key, want := range map[string]string{
		"contaner":    "did you mean container?",
		"Container":   "did you mean container?",
		"account":     "did you mean accountName?",
		"accountname": "did you mean accountName?",
		"endPoint":    "did you mean endpoint?",
		"localmode":   "did you mean localMode?",
		"ci":          "did you mean ciMode?",
		"prefx":       "did you mean prefix?",
		"PREFIX":      "did you mean prefix?",
		"":            all,
		"two\nlines":  all,
		"trus":        "did you mean trust?",
		"timeout":     "did you mean timeouts?",
		"crendential": "did you mean credential?",
		"clouds":      "did you mean cloud?",
	} {
		config, err := json.Marshal(map[string]any{"container": "artifacts", "accountName": "nxcache", key: map[string]any{"any": "thing"}})
		if err != nil {
			t.Fatal(err)
		}
		_, warnings, err := readSettings(config, false, env{}.get)
		if err != nil || len(warnings) != 1 {
			t.Errorf("%q: got %q and %v, want one warning", key, warnings, err)
			continue
		}
		if got := warnings[0]; !strings.Contains(got, fmt.Sprintf("%q", key)) || !strings.HasSuffix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("got %q, want the key %q and %q on one line", got, key, want)
		}
	}
}

func TestUnknownTimeLimits(t *testing.T) {
	const all = "known keys are connect, drain, firstByte, stall"
	for key, want := range map[string]string{
		"conect":    "did you mean connect?",
		"FIRSTBYTE": "did you mean firstByte?",
		"stal":      "did you mean stall?",
		"drains":    "did you mean drain?",
		"total":     all,
		"container": all,
		"timeouts":  all,
	} {
		config := fmt.Sprintf(`{"container": "artifacts", "accountName": "nxcache", "timeouts": {%q: "1s"}}`, key)
		_, warnings, err := readSettings(json.RawMessage(config), false, env{}.get)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], `"timeouts.`+key+`"`) || !strings.HasSuffix(warnings[0], want) {
			t.Errorf("%q: got %q and %v, want one warning with %q", key, warnings, err, want)
		}
	}
}

func TestUnknownKeysAreAllReported(t *testing.T) {
	config := `{"zone": 1, "container": "artifacts", "accountName": "nxcache", "area": 2}`
	_, warnings, err := readSettings(json.RawMessage(config), false, env{}.get)
	if err != nil || len(warnings) != 2 || !strings.Contains(warnings[0], "area") || !strings.Contains(warnings[1], "zone") {
		t.Errorf("got %q and %v, want a warning about area and one about zone", warnings, err)
	}
}

// Nothing is wrong with a cache that is not to be used.
func TestNoCacheIsNotLookedAt(t *testing.T) {
	for name, config := range map[string]string{
		"no block":        "",
		"null":            "null",
		"a string":        `"nx"`,
		"an empty block":  "{}",
		"wrong settings":  `{"container": "X", "prefix": ".."}`,
		"wrong types":     `{"container": 1, "localMode": 5}`,
		"unknown keys":    `{"contaner": "nx"}`,
		"another mode":    `{"localMode": "read-write"}`,
		"an unknown mode": `{"localMode": "x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			environment := env{modeVariable: "no-cache", connectionVariable: "junk"}
			got, warnings, err := readSettings(json.RawMessage(config), false, environment.get)
			if want := (settings{mode: cache.NoCache}); !reflect.DeepEqual(got, want) || warnings != nil || err != nil {
				t.Errorf("got %+v, %q and %v, want %+v", got, warnings, err, want)
			}
		})
	}
	t.Run("by the block itself", func(t *testing.T) {
		config := `{"ciMode": "no-cache", "container": 1, "contaner": "nx"}`
		got, warnings, err := readSettings(json.RawMessage(config), true, env{}.get)
		if got.mode != cache.NoCache || warnings != nil || err != nil {
			t.Errorf("got %+v, %q and %v, want no-cache", got, warnings, err)
		}
	})
}

// Secrets end up in every field there is. No message may pass them on.
func TestSecretsInTheWrongPlace(t *testing.T) {
	token := readToken(t, "valid.jwt")
	sas := "sv=2025-07-05&ss=b&sp=rc&sig=" + strings.ReplaceAll(accountKey, "=", "%3D")
	secrets := map[string]struct{ text, secret string }{
		"a connection string":         {connectionString, accountKey},
		"a connection string in part": {"AccountKey=" + accountKey, accountKey},
		"an endpoint and a key":       {"http://127.0.0.1:10000/devstoreaccount1;AccountKey=" + accountKey, accountKey},
		"an account key":              {accountKey, accountKey},
		"a SAS":                       {"?" + sas, sas[len(sas)-20:]},
		"a SAS without its mark":      {sas, sas[len(sas)-20:]},
		"a URL with a SAS":            {"https://nxcache.blob.core.windows.net/nx?" + sas, sas[len(sas)-20:]},
		"a URL of http with a SAS":    {"http://nxcache.blob.core.windows.net/nx?" + sas, sas[len(sas)-20:]},
		"a URL with a password":       {"https://user:" + accountKey + "@nxcache.blob.core.windows.net", accountKey},
		"a client's secret":           {"ZtR8Q~aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567", "aBcDeFgHiJk"},
		"a password":                  {"password=hunter2", "hunter2"},
		"a licence":                   {token, token[:40]},
	}
	places := []string{"", "container", "accountName", "endpoint", "prefix", "credential", "cloud", "localMode", "ciMode", "connectionString",
		"timeouts", "timeouts.drain", "timeouts.password",
		modeVariable, connectionVariable, sasVariable, credentialVariable, logVariable}
	for name, secret := range secrets {
		for _, place := range places {
			t.Run(name+" in "+place, func(t *testing.T) {
				keys := map[string]any{"container": "artifacts", "accountName": "nxcache"}
				environment := env{"NX_POWERPACK_LICENSE": token}
				if strings.ToUpper(place) == place && place != "" {
					environment[place] = secret.text
				} else if inner, ok := strings.CutPrefix(place, "timeouts."); ok {
					keys["timeouts"] = map[string]any{inner: secret.text, secret.text: "1s"}
				} else {
					keys[place] = secret.text
				}
				config, err := json.Marshal(keys)
				if err != nil {
					t.Fatal(err)
				}
				if place == "" {
					config, _ = json.Marshal(secret.text) // instead of the block
				}
				_, _, warnings := newLogger(world{getenv: environment.get})
				for _, ci := range []bool{false, true} {
					session := open(rpc.InitializeParams{Config: config, CI: ci, WorkspaceRoot: t.TempDir()}, environment.get, during)
					session.Cache = nil
					said := fmt.Sprintf("%+v %q", session, warnings)
					if strings.Contains(said, secret.secret) {
						t.Errorf("got %s, which has the secret", said)
					}
				}
			})
		}
	}
}

// Also those who print settings while they look for a bug print no secret.
func TestSettingsPrintNoSecret(t *testing.T) {
	environment, _ := transport.ReadEnvironment(env{"HTTPS_PROXY": "http://anna:" + accountKey + "@proxy:3128"}.get)
	s := settings{container: "results", connectionString: endpoint.Secret(connectionString), sasURL: endpoint.Secret(sasURL + accountKey), environment: environment}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{s, &s, []settings{s}, s.connectionString, s.environment} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, accountKey) {
				t.Errorf("%s: got %s, which has the key", verb, got)
			}
		}
	}
	if got := fmt.Sprintf("%+v", s); !strings.Contains(got, "container:results") || !strings.Contains(got, "connectionString:REDACTED") {
		t.Errorf("got %s, want the rest of the settings", got)
	}
}
