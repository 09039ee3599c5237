package printable_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

func TestScrub(t *testing.T) {
	jwt := "eyJhbGciOiJSUzI1NiJ9." + strings.Repeat("a", 40) + ".s1gn-ature_x"
	secret := "aB" + "c8Q~" + strings.Repeat("d", 34)
	key := strings.Repeat("k/", 43) + "=="
	for text, want := range map[string]string{
		"https://a.example/c?sp=r&sig=abc%2Bdef&se=1":         "https://a.example/c?sp=r&sig=REDACTED&se=1",
		"client_id=1&client_secret=s3cret&scope=x":            "client_id=1&client_secret=REDACTED&scope=x",
		"grant_type=x&client_assertion=" + jwt + "&x=1":       "grant_type=x&client_assertion=REDACTED&x=1",
		`{"accessToken": "opaque", "expires_on": 1}`:          `{"accessToken": "REDACTED", "expires_on": 1}`,
		`{'refresh_token': 'opaque'}`:                         `{'refresh_token': 'REDACTED'}`,
		"AccountName=a;AccountKey=abc==;BlobEndpoint=x":       "AccountName=a;AccountKey=REDACTED;BlobEndpoint=x",
		"az login --username u --password p4ss --tenant t":    "az login --username u --password REDACTED --tenant t",
		"Authorization: Bearer 0123456789abcdef0123":          "Authorization: Bearer REDACTED",
		"http://anna:pass@proxy.example:3128 refuses":         "http://REDACTED@proxy.example:3128 refuses",
		"the assertion " + jwt + " has expired":               "the assertion REDACTED has expired",
		"the secret '" + secret + "' is wrong":                "the secret 'REDACTED' is wrong",
		"the key " + key + " is wrong":                        "the key REDACTED is wrong",
		"token 0.A" + strings.Repeat("Xy_-", 20) + ".x is":    "token REDACTED is",
		"it said known-secret and kn%2Fown secret":            "it said REDACTED and REDACTED secret",
		"set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT":      "set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
		"AZURE_CLIENT_SECRET is wrong: it takes the value":    "AZURE_CLIENT_SECRET is wrong: it takes the value",
		"GitHub gives no assertion: x responds 403 Forbidden": "GitHub gives no assertion: x responds 403 Forbidden",
		"Basic is supported, and Bearer tokens":               "Basic is supported, and Bearer tokens",
		"its SHA-256 is " + strings.Repeat("0a", 32):          "its SHA-256 is " + strings.Repeat("0a", 32),
		"set a b": "set a b", // as long as a secret that is too short to be redacted
	} {
		got := printable.Scrub(text, "known-secret", " kn/own\n", "", "a b")
		if got != want {
			t.Errorf("Scrub(%q): got %q, want %q", text, got, want)
		}
		if again := printable.Scrub(got); again != got {
			t.Errorf("got %q, and again %q", got, again)
		}
	}
}
