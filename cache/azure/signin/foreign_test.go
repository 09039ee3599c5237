//go:build unix

package signin_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// planted are secrets that a server or a program repeats.
var planted = map[string]string{
	"of the environment": "s3cret-of-the-environment",
	"a JWT":              "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"repo:acme"}`)) + ".c2lnbmF0dXJl",
	"a client secret":    "xYz8Q~" + strings.Repeat("p", 34),
	"a signature":        "sig=AbC%2BdEf0123456789",
	"a token":            `"accessToken": "opaque-0123456789"`,
	"a password":         "--password hunter2hunter2",
}

// repeated contains all of them, control characters, and much more.
func repeated() string {
	var all strings.Builder
	for _, secret := range planted {
		all.WriteString(secret + " ")
	}
	return all.String() + "\x1b[2J\r\nnx-azure-cache: forged \u202e" + strings.Repeat("and so on ", 2000)
}

// checkForeign fails if an error contains a secret or a control character, or is long.
func checkForeign(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v, want %q", err, want)
	}
	text := err.Error()
	for name, secret := range planted {
		_, value, found := strings.Cut(secret, " ")
		if !found {
			value = strings.TrimPrefix(secret, "sig=")
		}
		if strings.Contains(text, strings.Trim(value, `"`)) {
			t.Errorf("%s is in %s", name, text)
		}
	}
	if !printable.Is(text) || len(text) > 1000 {
		t.Errorf("got %d bytes, want one line of at most 1000: %.300q", len(text), text)
	}
}

// Foreign strings in the errors of a sign-in are short, and contain no secret and no
// control character.
func TestForeignTextIsScrubbed(t *testing.T) {
	for name, test := range map[string]struct {
		want string
		set  func(w *machine)
	}{
		"stderr of az": {"azure-cli failed: ", func(w *machine) {
			w.tool("az", `cat "`+w.file("said", repeated())+`" >&2; exit 1`)
		}},
		"error_description of Entra ID": {"AADSTS7000215: ", func(w *machine) {
			setUps[signin.Environment](w)
			w.authority.Refuse("AADSTS7000215: " + repeated())
		}},
		"a body of the metadata address": {"managed-identity failed: ", func(w *machine) {
			w.machine = signin.Yes
			w.metadata = func(rw http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Metadata") == "" {
					rw.WriteHeader(http.StatusBadRequest)
					return
				}
				rw.WriteHeader(http.StatusUnauthorized)
				_, _ = rw.Write([]byte(repeated()))
			}
		}},
		"GitHub's status": {"github-actions failed: ", func(w *machine) {
			setUps[signin.GitHubActions](w)
			w.t.Setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret-of-the-environment")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newMachine(t)
			test.set(w)
			if name == "error_description of Entra ID" {
				t.Setenv("AZURE_CLIENT_SECRET", planted["of the environment"])
			} else {
				t.Setenv("AZURE_PASSWORD", planted["of the environment"])
			}
			_, err := w.signIn("")
			checkForeign(t, err, test.want)
		})
	}
}
