package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

// The forms of a paste are the same in both variables, and what is wrong or odd names its
// variable and is not shown.
func TestConnectionStringsAsTheyArrive(t *testing.T) {
	const config = `{"container": "artifacts"}`
	for _, variable := range connectionVariables {
		for _, form := range []string{"%s", "\ufeff%s\r\n", "\"%s\"", "'%s;'", variable + "=%s", "export AZURE_STORAGE_CONNECTION_STRING=\"%s\""} {
			s, warnings, err := readSettings(json.RawMessage(config), false, env{variable: fmt.Sprintf(form, caches)}.get)
			parsed, _ := endpoint.ParseConnectionString(s.connectionString)
			if err != nil || len(warnings) > 0 || parsed.Account != "cache" || parsed.Key != accountKey || s.connectionFrom != variable {
				t.Errorf("%s, %s: %q, %v", variable, form, warnings, err)
			}
		}
		_, warnings, err := readSettings(json.RawMessage(config), false, env{variable: strings.Replace(caches, "AccountKey=", "AccountKey=!", 1)}.get)
		if want := variable + " is used as it is, but it is odd: its AccountKey has characters"; err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], want) {
			t.Errorf("got %q, %v, want %q", warnings, err, want)
		}
		_, _, err = readSettings(json.RawMessage(config), false, env{variable: "AccountName=cache;AccountKey=***"}.get)
		if want := variable + " is not a usable connection string: its AccountKey is not base64"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, form := range []string{"%s", "\ufeff%s", `"%s"`, sasVariable + "=%s", sasVariable + "='%s'\r\n"} {
		text := fmt.Sprintf(form, "https://other.blob.core.windows.net/artifacts?sig=a%2Fb%3D")
		s, _, err := readSettings(json.RawMessage(`{}`), false, env{sasVariable: text}.get)
		if err != nil || s.container != "artifacts" || s.sasURL != "https://other.blob.core.windows.net/artifacts?sig=a%2Fb%3D" {
			t.Errorf("%s: %v", form, err)
		}
	}
}

// The emulator's proxy is used, though the emulator seems to be on this machine.
func TestEmulatorBehindProxy(t *testing.T) {
	s, _, err := readSettings(json.RawMessage(`{"container": "artifacts"}`), false,
		env{connectionVariable: "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://user:hunter2@proxy.example:3128"}.get)
	at := &url.URL{Scheme: "http", Host: "127.0.0.1:10000"}
	if proxy := s.environment.ProxyFor(at).String(); err != nil || proxy != "the proxy http://proxy.example:3128 (AZURE_STORAGE_CONNECTION_STRING)" {
		t.Errorf("got %s, %v", proxy, err)
	}
	if text := fmt.Sprintf("%v %+v", s, s.environment); strings.Contains(text, "hunter2") {
		t.Errorf("%s shows a password", text)
	}
}

// Without a sign-in there is no token, and the variable does not matter.
func TestTrustedHostsOfASecret(t *testing.T) {
	environment := env{endpoint.TrustedHostsVariable: "*", connectionVariable: connectionString}
	if _, _, err := readSettings([]byte(`{"container": "artifacts"}`), false, environment.get); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
