package endpoint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
)

func TestCheckContainer(t *testing.T) {
	for _, test := range []struct {
		name  string
		valid bool
	}{
		{"abc", true},
		{"nx-cache", true},
		{"0-1-2", true},
		{strings.Repeat("a", 63), true},
		{"", false},
		{"ab", false},
		{strings.Repeat("a", 64), false},
		{"Cache", false},
		{"-abc", false},
		{"abc-", false},
		{"a--b", false},
		{"a_b", false},
		{"a.b", false},
		{"a/b", false},
		{"abc\n", false},
		{"äbc", false},
		{"$web", false},
	} {
		if err := endpoint.CheckContainer(test.name); (err == nil) != test.valid {
			t.Errorf("%q: got %v, want valid: %t", test.name, err, test.valid)
		}
	}
}

func TestCheckAccountName(t *testing.T) {
	for _, test := range []struct {
		name  string
		valid bool
	}{
		{"abc", true},
		{"account123", true},
		{strings.Repeat("a", 24), true},
		{"", false},
		{"ab", false},
		{strings.Repeat("a", 25), false},
		{"my-account", false},
		{"Account", false},
		{"account.blob.core.windows.net", false},
		{"evil.example/", false},
	} {
		if err := endpoint.CheckAccountName(test.name); (err == nil) != test.valid {
			t.Errorf("%q: got %v, want valid: %t", test.name, err, test.valid)
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	for _, test := range []struct {
		endpoint string
		want     string // part of the error, or "" if it is valid
	}{
		{"https://account.blob.core.windows.net", ""},
		{"https://account.blob.core.usgovcloudapi.net/", ""},
		{"https://127.0.0.1:10000/devstoreaccount1", ""},
		{"", "is not a URL"},
		{"account.blob.core.windows.net", "is not a URL"},
		{"https://", "is not a URL"},
		{"https://:443", "is not a URL"},
		{"https://a b", "is not a URL"},
		{"https://%zz", "is not a URL"},
		{"http://account.blob.core.windows.net", "is not https"}, // a token would go in clear text
		{"ftp://account.blob.core.windows.net", "an endpoint looks like"},
		{"https://account.blob.core.windows.net?sp=rc&sig=secret", "AZURE_STORAGE_CONNECTION_STRING"},
		{"https://account.blob.core.windows.net?", "more than a host and a path"},
		{"https://user:secret@account.blob.core.windows.net", "more than a host and a path"},
		{"https://account.blob.core.windows.net#secret", "more than a host and a path"},
	} {
		err := endpoint.Check(test.endpoint)
		if test.want == "" {
			if err != nil {
				t.Errorf("%q: got %v, want nil", test.endpoint, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want an error with %q", test.endpoint, err, test.want)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, which contains the secret", test.endpoint, err)
		}
	}
}

// Errors, and commands that people paste, contain the endpoint.
func TestEndpointsContainNothingElse(t *testing.T) {
	const account = "https://account.blob.core.windows.net"
	for text, isGood := range map[string]bool{
		account:                                  true,
		account + "/":                            true,
		account + ":8443/path/two":               true,
		"HTTPS://Account.Blob.core.windows.net":  true,
		"https://xn--bcher-kva.example":          true,
		"https://[fd00::1]:8443/account":         true,
		"https://10.0.0.4/dev_store-account.1":   true,
		account + "/$(touch x)":                  false,
		account + "/`id`":                        false,
		account + "/a b":                         false,
		account + "/a\"b":                        false,
		account + "/a'b":                         false,
		account + "/a;b":                         false,
		account + "/a\u009bb":                    false,
		account + "/a\u202eb":                    false,
		account + "/a%24b":                       false,
		account + "/a\\b":                        false,
		account + "/a//b":                        false,
		account + "//":                           false,
		account + "/..":                          false,
		account + "/./a":                         false,
		account + "/.../a":                       false,
		account + "./":                           false,
		account + ":0":                           false,
		account + ":65536":                       false,
		account + ":":                            false,
		"https://b\u00fccher.example":            false,
		"https://account.blob.core.windows。net":  false,
		"https://a..example":                     false,
		"https://-a.example":                     false,
		"https://a_b.example":                    false,
		"https://a.example%2f.b":                 false,
		"https://127.1":                          false,
		"https://2130706433":                     false,
		"https://0x7f000001":                     false,
		"https://0177.0.0.1":                     false,
		"https://256.0.0.1":                      false,
		"https://[fe80::1%25eth0]":               false,
		"https://[127.0.0.1]":                    false,
		"https://[::1":                           false,
		"https:account.blob.core.windows.net":    false,
		"https:///account.blob.core.windows.net": false,
		" " + account:                            false,
		account + "\n":                           false,
		"https://" + strings.Repeat("a.", 127) + "example": false,
		"https://" + strings.Repeat("a", 64) + ".example":  false,
		account + "/" + strings.Repeat("a", 400):           false,
	} {
		if err := endpoint.Check(text); (err == nil) != isGood {
			t.Errorf("%q: got %v, want valid: %t", text, err, isGood)
		}
	}
}

func TestParseTrustedHosts(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "[]",
		" , ":                         "[]",
		"a.example":                   "[a.example:443]",
		" A.example ,b.example:8443,": "[a.example:443 b.example:8443]",
		"10.0.0.4,[fd00::1]":          "[10.0.0.4:443 [fd00::1]:443]",
	} {
		if got, err := endpoint.ParseTrustedHosts(text); err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"*", "*.example.com", ".example.com", "https://a.example", "a.example/", "a.example/path", "a.example b.example", "a.example;b.example",
		"user:hunter2@a.example", "a.example:x", "a.example:0", "a.example.", "fd00::1", "a.example?sig=hunter2", "b\u00fccher.example", "127.1",
	} {
		got, err := endpoint.ParseTrustedHosts(text)
		if err == nil || len(got) > 0 || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, %v; want an error without a secret", text, got, err)
		}
	}
}
