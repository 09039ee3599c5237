package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func TestConfigCheck(t *testing.T) {
	for name, test := range map[string]struct {
		stdin string
		args  string
		valid bool
		want  string
	}{
		"a valid block, as JSON":    {testenv.GoodConfig, "--json", true, `{"valid":true,"mode":"read-write","container":"artifacts"`},
		"a valid block":             {testenv.GoodConfig, "", true, "The configuration is valid.\n"},
		"an invalid block, as JSON": {`{"container": "No"}`, "--json", false, `"key":"azure.container","level":"error","kind":"invalid","seen":"\"No\""`},
		"an invalid block":          {`{"container": "No", "accountName": "nxcache", "contaner": 1}`, "", false, "error    azure.container in nx.json is \"No\"; "},
		"a warning":                 {`{"container": "artifacts", "accountName": "nxcache", "contaner": 1}`, "", true, `warning  "azure" in nx.json has an unknown key "contaner"`},
		"not JSON":                  {"AccountKey=" + testenv.AccountKey, "--json", false, `"azure\" in nx.json must be an object"`},
		"nothing":                   {"", "--json", false, `"azure\" in nx.json must be an object"`},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := runOn(t, test.stdin, nil, append([]string{"config", "check", "--stdin"}, strings.Fields(test.args)...)...)
			if !strings.Contains(stdout, test.want) || stderr != "" || (err == nil) != test.valid || err != nil && err != exitFailed {
				t.Errorf("got %q, %q and %v, want %q", stdout, stderr, err, test.want)
			}
			if strings.Contains(stdout, testenv.AccountKey) {
				t.Errorf("got a secret in %s", stdout)
			}
			if test.args == "--json" && (!json.Valid([]byte(stdout)) || strings.Count(stdout, "\n") != 1) {
				t.Errorf("got %q, want one line of JSON", stdout)
			}
		})
	}
	document := testenv.Env{config.WorkspaceVariable: `{"config": ` + testenv.GoodConfig + `}`}
	if stdout, stderr, err := runWith(t, document, "config", "check"); stdout != "The configuration is valid.\n" || stderr != "" || err != nil {
		t.Errorf("got %q, %q and %v", stdout, stderr, err)
	}
}

// The help names all keys that --json prints.
func TestConfigCheckHelp(t *testing.T) {
	stdout, _, err := runWith(t, nil, "config", "check", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[config.Checked](), reflect.TypeFor[config.Problem]()} {
		for field := range of.Fields() {
			if name := field.Tag.Get("json"); !strings.Contains(stdout, " "+name+" ") {
				t.Errorf("the help does not explain %s:\n%s", name, stdout)
			}
		}
	}
	for _, kind := range []config.Kind{config.KindMissing, config.KindInvalid, config.KindUnknown, config.KindIgnored, config.KindOther} {
		if !strings.Contains(stdout, string(kind)) {
			t.Errorf("the help does not explain %s", kind)
		}
	}
}
