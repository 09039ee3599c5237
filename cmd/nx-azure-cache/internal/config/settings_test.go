package config

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestSettings(t *testing.T) {
	for name, test := range map[string]struct {
		config string
		ci     bool
		env    testenv.Env
		want   Settings
	}{
		"the minimum": {
			config: `{"container": "artifacts", "accountName": "nxcache"}`,
			want:   Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "nxcache"},
		},
		"all settings": {
			config: `{"container": "artifacts", "accountName": "nxcache", "endpoint": "https://nxcache.blob.core.usgovcloudapi.net",
				"prefix": "team/app", "localMode": "read-only", "ciMode": "read-write"}`,
			want: Settings{Mode: cache.ReadOnly, Container: "artifacts", AccountName: "nxcache",
				Endpoint: "https://nxcache.blob.core.usgovcloudapi.net", Prefix: "team/app"},
		},
		"an endpoint instead of an account": {
			config: `{"container": "artifacts", "endpoint": "https://10.0.0.4/nxcache/"}`,
			want:   Settings{Mode: cache.ReadWrite, Container: "artifacts", Endpoint: "https://10.0.0.4/nxcache/"},
		},
		"a connection string instead of an account (nx#30018)": {
			config: `{"container": "artifacts"}`,
			env:    testenv.Env{ConnectionVariable: testenv.ConnectionString},
			want:   Settings{Mode: cache.ReadWrite, Container: "artifacts", ConnectionString: testenv.ConnectionString, connectionFrom: ConnectionVariable},
		},
		"a connection string with white space around it": {
			config: `{"container": "artifacts"}`,
			env:    testenv.Env{ConnectionVariable: "\n " + testenv.ConnectionString + "\r\n"},
			want:   Settings{Mode: cache.ReadWrite, Container: "artifacts", ConnectionString: testenv.ConnectionString, connectionFrom: ConnectionVariable},
		},
		"an endpoint that a connection string replaces": {
			config: `{"container": "artifacts", "accountName": "${ACCOUNT}", "endpoint": "${ENDPOINT}"}`,
			env:    testenv.Env{ConnectionVariable: testenv.ConnectionString},
			want: Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "${ACCOUNT}", Endpoint: "${ENDPOINT}",
				ConnectionString: testenv.ConnectionString, connectionFrom: ConnectionVariable},
		},
		"an account that an endpoint replaces": {
			config: `{"container": "artifacts", "accountName": "${ACCOUNT}", "endpoint": "https://10.0.0.4"}`,
			want:   Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "${ACCOUNT}", Endpoint: "https://10.0.0.4"},
		},
		"empty strings, which are unset": {
			config: `{"container": "artifacts", "accountName": "nxcache", "endpoint": "", "prefix": "", "localMode": "", "ciMode": " "}`,
			env:    testenv.Env{ConnectionVariable: "", ModeVariable: ""},
			want:   Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "nxcache"},
		},
		"blank variables, which are unset": {
			config: `{"container": "artifacts", "accountName": "nxcache", "localMode": "read-only"}`,
			env:    testenv.Env{ConnectionVariable: " \n", ModeVariable: "\t"},
			want:   Settings{Mode: cache.ReadOnly, Container: "artifacts", AccountName: "nxcache"},
		},
		"all time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache",
				"timeouts": {"connect": "1.5s", "firstByte": "250ms", "stall": " 2m30s ", "drain": "10m"}}`,
			want: Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "nxcache",
				Limits: transport.Limits{Connect: 1500 * time.Millisecond, FirstByte: 250 * time.Millisecond, Stall: 150 * time.Second},
				Drain:  10 * time.Minute},
		},
		"the shortest time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache",
				"timeouts": {"connect": "100ms", "firstByte": "0.1s", "stall": "100000us", "drain": "0"}}`,
			want: Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "nxcache",
				Limits: transport.Limits{Connect: 100 * time.Millisecond, FirstByte: 100 * time.Millisecond, Stall: 100 * time.Millisecond},
				Drain:  0},
		},
		"some time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache", "timeouts": {"connect": "", "stall": "1m", "drain": "0s"}}`,
			want: Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "nxcache",
				Limits: transport.Limits{Connect: 5 * time.Second, FirstByte: 10 * time.Second, Stall: time.Minute},
				Drain:  0},
		},
		"no time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache", "timeouts": {}}`,
			want:   Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "nxcache"},
		},
		"null for the time limits": {
			config: `{"container": "artifacts", "accountName": "nxcache", "timeouts": null}`,
			want:   Settings{Mode: cache.ReadWrite, Container: "artifacts", AccountName: "nxcache"},
		},
		"white space around values": {
			config: `{"container": " artifacts ", "accountName": "nxcache\n", "prefix": " team ", "localMode": " read-only "}`,
			want:   Settings{Mode: cache.ReadOnly, Container: "artifacts", AccountName: "nxcache", Prefix: "team"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := ReadSettings(json.RawMessage(test.config), test.ci, test.env.Get)
			if err != nil || len(warnings) > 0 {
				t.Fatalf("got the error %v and the warnings %q, want none", err, warnings)
			}
			if test.want.MaxArtifactSize == 0 {
				test.want.MaxArtifactSize = azure.MaxBlob
			}
			test.want.Records = RecordsInCI
			if test.want.Limits == (transport.Limits{}) {
				test.want.Limits, test.want.Drain = transport.DefaultLimits, time.Minute
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// Each message names the place, the value and what is allowed.
func TestInvalidSettings(t *testing.T) {
	const good = `"container": "artifacts", "accountName": "nxcache"`
	for name, test := range map[string]struct {
		config string
		ci     bool
		env    testenv.Env
		want   []string // problems in order; each contains all strings between "|"
	}{
		"no block":               {"", false, nil, []string{`"azure" in nx.json|missing|container|accountName|nx g @nx/powerpack-azure-cache:init`}},
		"null for the block":     {"null", false, nil, []string{`"azure" in nx.json|missing`}},
		"a string for the block": {`"` + testenv.ConnectionString + `"`, false, nil, []string{`"azure" in nx.json|must be an object`}},
		"a list for the block":   {`[{"container":"artifacts"}]`, false, nil, []string{`"azure" in nx.json|must be an object`}},
		"a number for the block": {"1", false, nil, []string{`"azure" in nx.json|must be an object`}},
		"an empty block": {"{}", false, nil, []string{
			"azure.accountName in nx.json|missing|AZURE_STORAGE_CONNECTION_STRING",
			"azure.container in nx.json|missing",
		}},
		"no container":            {`{"accountName": "nxcache"}`, false, nil, []string{"azure.container in nx.json|missing|a container that exists"}},
		"an empty container":      {`{"container": "", "accountName": "nxcache"}`, false, nil, []string{"azure.container in nx.json|missing"}},
		"an invalid container":    {`{"container": "Nx_Cache", "accountName": "nxcache"}`, false, nil, []string{`azure.container in nx.json|"Nx_Cache"|lower-case`}},
		"a container in a string": {`{"container": "Nx_Cache"}`, false, testenv.Env{ConnectionVariable: testenv.ConnectionString}, []string{`azure.container in nx.json|"Nx_Cache"`}},
		"no account":              {`{"container": "artifacts"}`, false, nil, []string{"azure.accountName in nx.json|missing|AZURE_STORAGE_CONNECTION_STRING"}},
		"an invalid account":      {`{"container": "artifacts", "accountName": "Nx-Cache"}`, false, nil, []string{`azure.accountName in nx.json|"Nx-Cache"|lower-case`}},
		"an endpoint of http": {`{"container": "artifacts", "endpoint": "http://127.0.0.1"}`, false, nil,
			[]string{`azure.endpoint in nx.json|"http://127.0.0.1"|https://`}},
		"an endpoint with a SAS": {`{"container": "artifacts", "endpoint": "https://nxcache.blob.core.windows.net/?sv=1&sig=x"}`, false, nil,
			[]string{"azure.endpoint in nx.json|a string of 49 characters|AZURE_STORAGE_CONNECTION_STRING"}},
		"a connection string for an account": {`{"container": "artifacts", "accountName": "AccountName=x;AccountKey=y"}`, false, nil,
			[]string{"azure.accountName in nx.json|AZURE_STORAGE_CONNECTION_STRING"}},
		"an endpoint that is not a URL": {`{"container": "artifacts", "endpoint": "nxcache"}`, false, nil, []string{"azure.endpoint in nx.json|https://"}},
		"a prefix with ..":              {"{" + good + `, "prefix": "../x"}`, false, nil, []string{`azure.prefix in nx.json|"../x"|letters, digits`}},
		"a license in the prefix":       {"{" + good + `, "prefix": "eyJhbGciOiJFZERTQSJ9.eyJleHAiOjF9.c2ln"}`, false, nil, []string{`azure.prefix in nx.json|license|NX_POWERPACK_LICENSE`}},
		"a prefix with a gap":           {"{" + good + `, "prefix": "a//b"}`, false, nil, []string{`azure.prefix in nx.json|"a//b"`}},
		"an unknown localMode":          {"{" + good + `, "localMode": "on"}`, false, nil, []string{`azure.localMode in nx.json|"on"|read-write|read-only, read and no-cache`}},
		"an unknown ciMode":             {"{" + good + `, "ciMode": "Read-Write"}`, true, nil, []string{`azure.ciMode in nx.json|"Read-Write"|read-write`}},
		"an unknown mode in the variable": {"{" + good + "}", false, testenv.Env{ModeVariable: "readonly"},
			[]string{`NX_POWERPACK_CACHE_MODE|"readonly"|read-write|read-only, read and no-cache`}},
		"a number for a string":             {`{"container": 1, "accountName": "nxcache"}`, false, nil, []string{"azure.container in nx.json|must be a string"}},
		"null for a string":                 {`{"container": "artifacts", "accountName": null}`, false, nil, []string{"azure.accountName in nx.json|must be a string"}},
		"an object for a string":            {"{" + good + `, "prefix": {"a": 1}}`, false, nil, []string{"azure.prefix in nx.json|must be a string"}},
		"a boolean for a mode":              {"{" + good + `, "localMode": true}`, false, nil, []string{"azure.localMode in nx.json|must be a string"}},
		"a number for a time limit":         {"{" + good + `, "timeouts": {"connect": 5}}`, false, nil, []string{"azure.timeouts.connect in nx.json|must be a string"}},
		"null for a time limit":             {"{" + good + `, "timeouts": {"stall": null}}`, false, nil, []string{"azure.timeouts.stall in nx.json|must be a string"}},
		"a time limit without a unit":       {"{" + good + `, "timeouts": {"firstByte": "10"}}`, false, nil, []string{`azure.timeouts.firstByte in nx.json|"10"|"100ms" to "10m"|"10s"`}},
		"an invalid time limit":             {"{" + good + `, "timeouts": {"drain": "long"}}`, false, nil, []string{`azure.timeouts.drain in nx.json|"long"|"1m0s"`}},
		"a time limit too short":            {"{" + good + `, "timeouts": {"connect": "99ms"}}`, false, nil, []string{`azure.timeouts.connect in nx.json|"99ms"|"100ms" to "10m"|"5s"`}},
		"a time limit too long":             {"{" + good + `, "timeouts": {"stall": "10m1ms"}}`, false, nil, []string{`azure.timeouts.stall in nx.json|"10m1ms"|"15s"`}},
		"0 for a time limit":                {"{" + good + `, "timeouts": {"connect": "0"}}`, false, nil, []string{`azure.timeouts.connect in nx.json|"0"`}},
		"0 s for another time limit":        {"{" + good + `, "timeouts": {"stall": "0s"}}`, false, nil, []string{`azure.timeouts.stall in nx.json|"0s"`}},
		"a drain that is too short":         {"{" + good + `, "timeouts": {"drain": "1ms"}}`, false, nil, []string{`azure.timeouts.drain in nx.json|"1ms"`}},
		"a negative time limit":             {"{" + good + `, "timeouts": {"drain": "-1s"}}`, false, nil, []string{`azure.timeouts.drain in nx.json|"-1s"`}},
		"an overflowing time limit":         {"{" + good + `, "timeouts": {"drain": "9999999h"}}`, false, nil, []string{`azure.timeouts.drain in nx.json|"9999999h"`}},
		"a string for the time limits":      {"{" + good + `, "timeouts": "60s"}`, false, nil, []string{"azure.timeouts in nx.json|must be an object|drain"}},
		"a number for the time limits":      {"{" + good + `, "timeouts": 60}`, false, nil, []string{"azure.timeouts in nx.json|must be an object"}},
		"a list for the time limits":        {"{" + good + `, "timeouts": ["60s"]}`, false, nil, []string{"azure.timeouts in nx.json|must be an object"}},
		"a possible secret in a time limit": {"{" + good + `, "timeouts": {"drain": "AccountKey=x"}}`, false, nil, []string{"azure.timeouts.drain in nx.json|a string of 12 characters|AZURE_STORAGE_CONNECTION_STRING"}},
		"all time limits":                   {"{" + good + `, "timeouts": {"connect": 1, "firstByte": "x", "stall": "0", "drain": "1h"}}`, false, nil, []string{"azure.timeouts.connect", "azure.timeouts.drain", "azure.timeouts.firstByte", "azure.timeouts.stall"}},
		"everything": {`{"container": "X", "accountName": "X", "prefix": "..", "localMode": "x", "ciMode": 5}`, false, nil, []string{
			`azure.accountName in nx.json|"X"`,
			"azure.ciMode in nx.json|must be a string",
			`azure.container in nx.json|"X"`,
			`azure.localMode in nx.json|"x"`,
			`azure.prefix in nx.json|".."`,
		}},
		"the block and the variable": {"[]", false, testenv.Env{ModeVariable: "x"}, []string{`"azure" in nx.json`, `NX_POWERPACK_CACHE_MODE|"x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, warnings, err := ReadSettings(json.RawMessage(test.config), test.ci, test.env.Get)
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
