package transport_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// variables are the environment variables of a process.
type variables map[string]string

func (v variables) get(name string) string { return v[name] }

// environment reads variables that cause no warning.
func environment(t testing.TB, v variables) transport.Environment {
	t.Helper()
	e, warnings := transport.ReadEnvironment(v.get)
	if len(warnings) > 0 {
		t.Errorf("got the warnings %q", warnings)
	}
	return e
}

func TestProxyIsNotUsedForAHost(t *testing.T) {
	for _, test := range []struct {
		name, to string
		v        variables
		want     bool
	}{
		{"NO_PROXY", "https://account.blob.core.windows.net/", variables{"HTTPS_PROXY": "proxy:1", "NO_PROXY": ".blob.core.windows.net"}, false},
		{"no_proxy", "https://account.blob.core.windows.net/", variables{"HTTPS_PROXY": "proxy:1", "no_proxy": "*"}, false},
		{"a network of NO_PROXY", "https://10.1.2.3/", variables{"HTTPS_PROXY": "proxy:1", "NO_PROXY": "10.0.0.0/8"}, false},
		{"another host of NO_PROXY", "https://login.microsoftonline.com/", variables{"HTTPS_PROXY": "proxy:1", "NO_PROXY": ".blob.core.windows.net"}, true},
		{"this machine", "https://127.0.0.1:10000/", variables{"HTTPS_PROXY": "proxy:1"}, false},
		{"managed identity", "http://169.254.169.254/metadata/identity/oauth2/token", variables{"HTTP_PROXY": "proxy:1"}, false},
		{"managed identity of App Service", "http://169.254.255.2:8081/msi/token", variables{"HTTP_PROXY": "proxy:1"}, false},
		{"HTTPS_PROXY and http", "http://account.example/", variables{"HTTPS_PROXY": "proxy:1"}, false},
		{"http_proxy and http", "http://account.example/", variables{"http_proxy": "proxy:1"}, true},
		{"nothing", "https://account.example/", variables{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, err := url.Parse(test.to)
			if err != nil {
				t.Fatal(err)
			}
			if got := environment(t, test.v).ProxyFor(to); (got.Address == "http://proxy:1") != test.want {
				t.Errorf("got %v, want a proxy: %v", got, test.want)
			}
		})
	}
}

func TestInvalidProxy(t *testing.T) {
	for _, value := range []string{"http://anna:s3cr#t@proxy:1", "http://s3cr:12#34@proxy:1", "http://s3cr:9/abc@proxy:1", "s3cr:123?4@proxy:1", "http://anna:s3cr/t@proxy:1", "://s3cr", "ftp://anna:s3cr@proxy:1", "http://anna:s3cr@:1", "%zzs3cr"} {
		_, warnings := transport.ReadEnvironment(variables{"https_proxy": value}.get)
		if len(warnings) != 1 || !strings.HasPrefix(warnings[0].Text, "https_proxy is ") || strings.Contains(warnings[0].Text, "s3cr") {
			t.Errorf("%s: got the warnings %q, want one that names the variable and no secret", value, warnings)
		}
	}
}
