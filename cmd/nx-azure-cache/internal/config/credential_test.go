package config

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// A secret that is set is used, unless another credential is named.
func TestCredential(t *testing.T) {
	type want struct {
		credential      string
		connection, sas endpoint.Secret
		problemsInOrder string // each begins so, with "|" between them
	}
	account := `"container": "artifacts", "accountName": "nxcache"`
	for name, test := range map[string]struct {
		config string
		env    testenv.Env
		want   want
	}{
		"nothing":                             {account, nil, want{}},
		"a connection string":                 {account, testenv.Env{ConnectionVariable: testenv.ConnectionString}, want{connection: testenv.ConnectionString}},
		"a SAS URL":                           {account, testenv.Env{SASVariable: " " + testenv.SASURL + "\n"}, want{sas: testenv.SASURL}},
		"both":                                {account, testenv.Env{ConnectionVariable: testenv.ConnectionString, SASVariable: testenv.SASURL}, want{connection: testenv.ConnectionString}},
		"both, blank":                         {account, testenv.Env{ConnectionVariable: " ", SASVariable: "\t", CredentialVariable: "\n"}, want{}},
		"an empty key":                        {account + `, "credential": ""`, testenv.Env{SASVariable: testenv.SASURL}, want{sas: testenv.SASURL}},
		"only a SAS URL":                      {``, testenv.Env{SASVariable: testenv.SASURL}, want{sas: testenv.SASURL}},
		"a connection string without account": {`"container": "artifacts"`, testenv.Env{ConnectionVariable: testenv.ConnectionString}, want{connection: testenv.ConnectionString}},

		"the connection string, named": {account + `, "credential": "connection-string"`, testenv.Env{ConnectionVariable: testenv.ConnectionString, SASVariable: testenv.SASURL},
			want{credential: "connection-string", connection: testenv.ConnectionString}},
		"the SAS, named":            {account + `, "credential": "sas"`, testenv.Env{ConnectionVariable: testenv.ConnectionString, SASVariable: testenv.SASURL}, want{credential: "sas", sas: testenv.SASURL}},
		"another credential, named": {account + `, "credential": "azure-cli"`, testenv.Env{ConnectionVariable: testenv.ConnectionString, SASVariable: testenv.SASURL}, want{credential: "azure-cli"}},
		"anonymous":                 {account + `, "credential": "anonymous"`, testenv.Env{ConnectionVariable: testenv.ConnectionString}, want{credential: "anonymous"}},
		"the variable beats the key": {account + `, "credential": "managed-identity"`, testenv.Env{CredentialVariable: " github-actions "},
			want{credential: "github-actions"}},
		"the variable beats an unknown value": {account + `, "credential": "magic"`, testenv.Env{CredentialVariable: "default"}, want{credential: "default"}},
		"with an endpoint":                    {`"container": "artifacts", "endpoint": "https://10.0.0.4", "credential": "azure-cli"`, nil, want{credential: "azure-cli"}},

		"a connection string that is not set": {account + `, "credential": "connection-string"`, testenv.Env{SASVariable: testenv.SASURL},
			want{credential: "connection-string", problemsInOrder: "AZURE_STORAGE_CONNECTION_STRING is not set, nor is NX_AZURE_CACHE_CONNECTION_STRING, and azure.credential in nx.json is connection-string"}},
		"a SAS URL that is not set": {`"container": "artifacts"`, testenv.Env{CredentialVariable: "sas", ConnectionVariable: testenv.ConnectionString},
			want{credential: "sas", problemsInOrder: "NX_AZURE_CACHE_SAS_URL is not set, and NX_AZURE_CACHE_CREDENTIAL is sas"}},
		"a SAS URL that is invalid, and may name the container": {`"credential": "sas"`, testenv.Env{SASVariable: "https://nxcache.blob.core.windows.net/artifacts"},
			want{credential: "sas", sas: "https://nxcache.blob.core.windows.net/artifacts", problemsInOrder: "NX_AZURE_CACHE_SAS_URL is not usable: "}},
		"a sign-in without an account, beside a connection string": {`"container": "artifacts", "credential": "managed-identity"`, testenv.Env{ConnectionVariable: testenv.ConnectionString},
			want{credential: "managed-identity", problemsInOrder: "azure.accountName in nx.json is missing: name the storage account, or its endpoint; the sign-in managed-identity needs it"}},
		"a sign-in without a container, beside a SAS URL that names one": {`"accountName": "nxcache", "credential": "azure-cli"`, testenv.Env{SASVariable: testenv.SASURL},
			want{credential: "azure-cli", problemsInOrder: "azure.container in nx.json is missing"}},
		"a sign-in with an invalid account": {`"container": "artifacts", "accountName": "X", "credential": "azure-cli"`, testenv.Env{ConnectionVariable: testenv.ConnectionString},
			want{credential: "azure-cli", problemsInOrder: "azure.accountName in nx.json is \"X\""}},
		"an unknown credential, and a connection string": {account + `, "credential": "managed"`, testenv.Env{ConnectionVariable: testenv.ConnectionString},
			want{connection: testenv.ConnectionString, problemsInOrder: `azure.credential in nx.json is "managed"; allowed are connection-string, sas, environment, `}},
		"an unknown credential in the variable": {account + `, "credential": "azure-cli"`, testenv.Env{CredentialVariable: "x", ModeVariable: "y"},
			want{problemsInOrder: `NX_AZURE_CACHE_CREDENTIAL is "x"|NX_POWERPACK_CACHE_MODE is "y"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, warnings, err := ReadSettings(json.RawMessage("{"+test.config+"}"), false, test.env.Get)
			begin := func(got, want string) bool { return strings.HasPrefix(got, want) }
			var problems []string
			if test.want.problemsInOrder != "" {
				problems = strings.Split(test.want.problemsInOrder, "|")
			}
			if lines := problemsOf(err); len(warnings) > 0 || !slices.EqualFunc(lines, problems, begin) {
				t.Errorf("got the problems %q and the warnings %q, want the problems %q", lines, warnings, problems)
			}
			if got.credential != test.want.credential || got.ConnectionString != test.want.connection || got.SASURL != test.want.sas {
				t.Errorf("got %q, %q and %q, want %+v", got.credential, got.ConnectionString.Reveal(), got.SASURL.Reveal(), test.want)
			}
		})
	}
}

// The suggestions include the names that other tools use.
func TestNearestValues(t *testing.T) {
	for text, want := range map[string]struct{ key, value string }{
		"readonly":          {"localMode", "read-only"},
		"Read-Only":         {"localMode", "read-only"},
		"READ":              {"localMode", "read"},
		"write":             {"localMode", "read-write"},
		"readwrite":         {"localMode", "read-write"},
		"nocache":           {"localMode", "no-cache"},
		"on":                {"localMode", ""},
		"disabled":          {"localMode", ""},
		"cli":               {"credential", "azure-cli"},
		"AzureCLI":          {"credential", "azure-cli"},
		"azd":               {"credential", ""},
		"powershell":        {"credential", "azure-powershell"},
		"github":            {"credential", "github-actions"},
		"pipelines":         {"credential", "azure-pipelines"},
		"workloadIdentity":  {"credential", "workload-identity"},
		"managed":           {"credential", "managed-identity"},
		"connectionString":  {"credential", "connection-string"},
		"env":               {"credential", "environment"},
		"anon":              {"credential", "anonymous"},
		"AzureUSGovernment": {"cloud", "usgovernment"},
		"AzureChinaCloud":   {"cloud", "china"},
		"AzurePublicCloud":  {"cloud", "public"},
		"Public":            {"cloud", "public"},
		"germany":           {"cloud", ""},
		"branches":          {"trust.isolation", "branch"},
		"off":               {"trust.isolation", ""},
	} {
		keys := map[string]any{"container": "artifacts", "accountName": "nxcache", want.key: text}
		if inner, ok := strings.CutPrefix(want.key, "trust."); ok {
			keys = map[string]any{"container": "artifacts", "accountName": "nxcache", "trust": map[string]any{inner: text}}
		}
		config, err := json.Marshal(keys)
		if err != nil {
			t.Fatal(err)
		}
		_, _, mistake := ReadSettings(config, false, testenv.Env{}.Get)
		lines := problemsOf(mistake)
		if len(lines) != 1 || !strings.HasPrefix(lines[0], "azure."+want.key+" in nx.json is \""+text+`"; allowed are `) {
			t.Errorf("%s %q: got %q, want one problem", want.key, text, lines)
			continue
		}
		_, guess, _ := strings.Cut(lines[0], "; did you mean ")
		if strings.TrimSuffix(guess, "?") != want.value {
			t.Errorf("%s %q: got %q, want the guess %q", want.key, text, lines[0], want.value)
		}
	}
}

func TestCloud(t *testing.T) {
	for _, cloud := range []string{"public", "usgovernment", "china", ""} {
		config := `{"container": "artifacts", "accountName": "nxcache", "cloud": " ` + cloud + ` "}`
		if got, _, err := ReadSettings(json.RawMessage(config), false, testenv.Env{}.Get); err != nil || got.cloud != cloud {
			t.Errorf("got %q and %v, want %q", got.cloud, err, cloud)
		}
	}
}
