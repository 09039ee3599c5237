package signin

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
)

func TestMachineOf(t *testing.T) {
	chassis := func(text string, err error) func(string) ([]byte, error) {
		return func(string) ([]byte, error) { return []byte(text), err }
	}
	folder := func(there bool) func(string) bool { return func(string) bool { return there } }
	for _, test := range []struct {
		name     string
		goos     string
		readFile func(string) ([]byte, error)
		exists   func(string) bool
		want     Likelihood
	}{
		{"a virtual machine of Azure", "linux", chassis(azureChassis+"\n", nil), nil, Yes},
		{"one of another cloud", "linux", chassis("Amazon EC2\n", nil), nil, No},
		{"a laptop", "linux", chassis("\n", nil), nil, No},
		{"a sandbox", "linux", chassis("", errors.New("no such file")), nil, Unknown},
		{"Windows on Azure", "windows", nil, folder(true), Yes},
		{"Windows", "windows", nil, folder(false), Unknown},
		{"a Mac", "darwin", nil, nil, No},
	} {
		if got := machineFrom(test.goos, test.readFile, test.exists); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

func TestOrderOfSources(t *testing.T) {
	names := func(machine Likelihood) (names []string) {
		for _, s := range inOrder(machine) {
			names = append(names, s.name)
		}
		return names
	}
	known := []string{Environment, WorkloadIdentity, GitHubActions, AzurePipelines, ManagedIdentity, AzureCLI, AzureDeveloperCLI, AzurePowerShell}
	unknown := []string{Environment, WorkloadIdentity, GitHubActions, AzurePipelines, AzureCLI, AzureDeveloperCLI, AzurePowerShell, ManagedIdentity}
	for machine, want := range map[Likelihood][]string{Yes: known, No: known, Unknown: unknown} {
		if got := names(machine); !slices.Equal(got, want) {
			t.Errorf("likelihood %d: got %v, want %v", machine, got, want)
		}
	}
}

func TestCloudOf(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://acc.blob.core.windows.net":                  "public",
		"https://acc.z1.blob.storage.azure.net":              "public",
		"https://cache.example.com":                          "public",
		"https://acc.blob.core.usgovcloudapi.net":            "usgovernment",
		"https://ACC.BLOB.CORE.USGOVCLOUDAPI.NET/":           "usgovernment",
		"https://acc.privatelink.blob.core.chinacloudapi.cn": "china",
		"https://acc.blob.core.chinacloudapi.cn:443":         "china",
		"https://evilcore.chinacloudapi.cn.example.com":      "public",
		"::": "public",
	} {
		if got := CloudOf(endpoint).String(); got != want {
			t.Errorf("%s: got %s, want %s", endpoint, got, want)
		}
	}
	for name, want := range map[string]string{
		"":             "https://acc.blob.core.windows.net",
		"public":       "https://acc.blob.core.windows.net",
		"usgovernment": "https://acc.blob.core.usgovcloudapi.net",
		"china":        "https://acc.blob.core.chinacloudapi.cn",
	} {
		c, err := ParseCloud(name)
		if got := c.Endpoint("acc"); err != nil || got != want || CloudOf(got).audience != c.audience {
			t.Errorf("%q: got %s, %v; want %s", name, got, err, want)
		}
	}
	if _, err := ParseCloud("germany"); err == nil {
		t.Error("got no error for a closed cloud")
	}
}

func TestAuthority(t *testing.T) {
	for _, test := range []struct {
		variable, cloud string
		host            string // for azidentity; "" if it reads the variable
		own             bool
	}{
		{"", "", "https://login.microsoftonline.com/", false},
		{"", "usgovernment", "https://login.microsoftonline.us/", false},
		{"", "china", "https://login.chinacloudapi.cn/", false},
		{"https://login.microsoftonline.us/", "", "", false},
		{"https://LOGIN.microsoftonline.com", "china", "", false},
		{"https://adfs.example.com/", "", "", true},
	} {
		getenv := func(string) string { return test.variable }
		c, err := ParseCloud(test.cloud)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.configuration(getenv).ActiveDirectoryAuthorityHost; got != test.host {
			t.Errorf("%q, %q: got %q, want %q", test.variable, test.cloud, got, test.host)
		}
		if got := ownAuthority(getenv); got != test.own {
			t.Errorf("%q: own authority %v, want %v", test.variable, got, test.own)
		}
	}
}

func TestPrincipal(t *testing.T) {
	for _, test := range []struct {
		claims jwt.MapClaims
		want   string
	}{
		{jwt.MapClaims{"upn": "anna@example.com", "oid": "1", "appid": "2"}, "anna@example.com (object 1)"},
		{jwt.MapClaims{"unique_name": "live.com#anna@example.com"}, "live.com#anna@example.com"},
		{jwt.MapClaims{"preferred_username": "anna@example.com", "oid": "1"}, "anna@example.com (object 1)"},
		{jwt.MapClaims{"appid": "2", "oid": "1"}, "app 2 (object 1)"},
		{jwt.MapClaims{"azp": "2"}, "app 2"},
		{jwt.MapClaims{"oid": "1"}, "object 1"},
		{jwt.MapClaims{"upn": "anna\nnx-azure-cache: all is well"}, `anna\nnx-azure-cache: all is well`},
		{jwt.MapClaims{"upn": 7}, ""},
		{jwt.MapClaims{}, ""},
	} {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, test.claims).SignedString([]byte("key"))
		if err != nil {
			t.Fatal(err)
		}
		if got := principal(token); got != test.want {
			t.Errorf("%v: got %q, want %q", test.claims, got, test.want)
		}
	}
	for _, token := range []string{"", "opaque", "a.b.c"} {
		if got := principal(token); got != "" {
			t.Errorf("%q: got %q", token, got)
		}
	}
}

func TestFixesAreForKnownCodes(t *testing.T) {
	if len(fixes) == 0 {
		t.Fatal("there are no fixes")
	}
	for _, code := range slices.Sorted(maps.Keys(fixes)) {
		step := Step{Detail: code + ": no."}
		if got := step.WithFix(); got != code+": no. ("+fixes[code].Text+")" {
			t.Errorf("got %q for %s", got, code)
		}
		diagnostictest.Check(t, fixes[code])
	}
}
