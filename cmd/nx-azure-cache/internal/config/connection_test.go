package config

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// Both variables accept the same forms of pasted values. Errors and warnings name the
// variable and do not show the value.
func TestPastedConnectionStrings(t *testing.T) {
	const config = `{"container": "artifacts"}`
	for _, variable := range connectionVariables {
		for _, form := range []string{"%s", "\ufeff%s\r\n", "\"%s\"", "'%s;'", variable + "=%s", "export AZURE_STORAGE_CONNECTION_STRING=\"%s\""} {
			s, warnings, err := ReadSettings(json.RawMessage(config), false, testenv.Env{variable: fmt.Sprintf(form, testenv.Caches)}.Get)
			parsed, _ := endpoint.ParseConnectionString(s.ConnectionString)
			if err != nil || len(warnings) > 0 || parsed.Account != "cache" || parsed.Key != testenv.AccountKey || s.connectionFrom != variable {
				t.Errorf("%s, %s: %q, %v", variable, form, warnings, err)
			}
		}
		_, warnings, err := ReadSettings(json.RawMessage(config), false, testenv.Env{variable: strings.Replace(testenv.Caches, "AccountKey=", "AccountKey=!", 1)}.Get)
		if want := variable + " looks wrong, and is used anyway: its AccountKey has characters"; err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0].Text, want) {
			t.Errorf("got %q, %v, want %q", warnings, err, want)
		}
		_, _, err = ReadSettings(json.RawMessage(config), false, testenv.Env{variable: "AccountName=cache;AccountKey=***"}.Get)
		if want := variable + " is not a usable connection string: its AccountKey is not base64"; err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for _, form := range []string{"%s", "\ufeff%s", `"%s"`, SASVariable + "=%s", SASVariable + "='%s'\r\n"} {
		text := fmt.Sprintf(form, "https://other.blob.core.windows.net/artifacts?sig=a%2Fb%3D")
		s, _, err := ReadSettings(json.RawMessage(`{}`), false, testenv.Env{SASVariable: text}.Get)
		if err != nil || s.Container != "artifacts" || s.SASURL != "https://other.blob.core.windows.net/artifacts?sig=a%2Fb%3D" {
			t.Errorf("%s: %v", form, err)
		}
	}
}

// The emulator's proxy is used, even though the emulator's address is on this machine.
func TestEmulatorBehindProxy(t *testing.T) {
	s, _, err := ReadSettings(json.RawMessage(`{"container": "artifacts"}`), false,
		testenv.Env{ConnectionVariable: "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://user:hunter2@proxy.example:3128"}.Get)
	at := &url.URL{Scheme: "http", Host: "127.0.0.1:10000"}
	if proxy := s.environment.ProxyFor(at).String(); err != nil || proxy != "the proxy http://proxy.example:3128 (AZURE_STORAGE_CONNECTION_STRING)" {
		t.Errorf("got %s, %v", proxy, err)
	}
	if text := fmt.Sprintf("%v %+v", s, s.environment); strings.Contains(text, "hunter2") {
		t.Errorf("%s shows a password", text)
	}
}

// Without a sign-in, there is no token, and the variable is not read.
func TestTrustedHostsOfASecret(t *testing.T) {
	environment := testenv.Env{endpoint.TrustedHostsVariable: "*", ConnectionVariable: testenv.ConnectionString}
	if _, _, err := ReadSettings([]byte(`{"container": "artifacts"}`), false, environment.Get); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
