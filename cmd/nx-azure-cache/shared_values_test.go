package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// A connection string, and what of it is secret.
const (
	accountKey       = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="
	connectionString = "DefaultEndpointsProtocol=https;AccountName=nxcache;AccountKey=" + accountKey + ";EndpointSuffix=core.windows.net"
)

// A SAS URL, and what of it is secret.
const (
	sasSignature = "c2lnbmF0dXJlLW9mLWEtc2hhcmVk"
	sasURL       = "https://nxcache.blob.core.windows.net/artifacts?sv=2025-11-05&sr=c&sp=rc&sig=" + sasSignature
)

// licences is the folder of licences.
var licences = repository("testdata/license")

// during is a time at which testdata/license/valid.jwt is valid.
var during = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// goodConfig is a block "azure" that is enough.
const goodConfig = `{"container": "artifacts", "accountName": "nxcache"}`

// readToken returns a licence of testdata/license.
func readToken(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(licences, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// writeLicence puts a valid licence into a workspace.
func writeLicence(t *testing.T, root string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(license.File))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("license = "+readToken(t, "valid.jwt")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newSigningKey makes a key that signs.
func newSigningKey(t *testing.T) trust.PrivateKey {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// goldenConfig has everything there is.
const goldenConfig = `{"container": "artifacts", "accountName": "nxcache", "endpoint": "https://nxcache.blob.core.usgovcloudapi.net",
	"prefix": "team/app", "credential": "", "maxArtifactSize": "1.5GiB", "cacheFailures": true, "include": ["build", "@acme/*:*"], "exclude": ["e2e-*"], "cloud": "usgovernment", "localMode": "read-only", "ciMode": "read-write",
	"timeouts": {"connect": "3s", "firstByte": "10s", "stall": "15s", "drain": "60s"},
	"trust": {"branches": ["main", "release/*"], "repositories": ["acme/shop"], "isolation": "branch", "publicKeys": ["` + goldenKey + `"],
		"revokedKeys": ["0123456789abcdef", "` + goldenKey + `"], "containers": {"trusted": "releases", "pr": "others"}}}`

// goldenKey is a public key.
const goldenKey = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="

// goldenConfigs returns blocks of which each has one of the values in testdata.
func goldenConfigs(f *testing.F) []string {
	f.Helper()
	configs := []string{"", "null", "{}", "[]", goldenConfig,
		`{"contaner": "artifacts", "timeout": {}, "timeouts": {"drain": 60, "conect": "1s", "stall": "0"}}`,
		`{"container": "artifacts", "accountName": "nxcache", "a\nb": 1, "timeouts": {"a\u2028b": 1, "drain": "0s"}}`,
		`{"container": "artifacts", "accountName": "nxcache", "timeouts": null, "trust": null}`,
		`{"container": "artifacts", "accountName": "nxcache", "trust": {"isolation": "none"}}`,
		`{"container": "artifacts", "accountName": "nxcache", "credential": "workload-identity", "cloud": "china"}`,
		`{"container": "artifacts", "credential": "connection-string", "cloud": "AzureChinaCloud"}`,
		`{"container": "artifacts", "accountName": "nxcache", "trust": {"branches": [], "publicKeys": []}}`,
		`{"container": "artifacts", "accountName": "nxcache", "trust": {"branch": ["main"], "branches": "main", "isolation": "non", "publicKeys": ["` +
			accountKey + `"], "revokedKeys": [1], "containers": {"trusted": "X", "main": "x"}}}`,
	}
	for _, value := range sharedValues(f) {
		configs = append(configs, string(value.block(f)))
	}
	return configs
}

// checkLine fails unless text can be shown as it is, on one line.
func checkLine(t *testing.T, text string) {
	t.Helper()
	const longest = 4000
	if len(text) > longest || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("got %.5000q, want one line of at most %d bytes", text, longest)
	}
}

// textsIn returns all texts and keys in a JSON value.
func textsIn(value any) (texts []string) {
	switch value := value.(type) {
	case string:
		texts = append(texts, value)
	case []any:
		for _, element := range value {
			texts = append(texts, textsIn(element)...)
		}
	case map[string]any:
		for key, member := range value {
			texts = append(append(texts, key), textsIn(member)...)
		}
	}
	return texts
}

// sharedValue is a value of a key, which may be one in an object ("a.b"), that this
// reader, the JSON schema and the generator init must judge alike: what init
// writes and an editor allows, a run takes.
type sharedValue struct {
	Key   string
	Value any
	Valid bool
}

// sharedValues are those of testdata/config.
func sharedValues(t testing.TB) (values []sharedValue) {
	t.Helper()
	data, err := os.ReadFile(repository("testdata/config/values.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &values); err != nil || len(values) == 0 {
		t.Fatalf("got %d values, %v", len(values), err)
	}
	return values
}

// block is a block "azure" with the value.
func (v sharedValue) block(t testing.TB) json.RawMessage {
	t.Helper()
	block := map[string]any{"container": "artifacts", "accountName": "nxcache"}
	if object, key, isInObject := strings.Cut(v.Key, "."); isInObject {
		block[object] = map[string]any{key: v.Value}
	} else {
		block[v.Key] = v.Value
	}
	config, err := json.Marshal(block)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// trustConfig is a block "azure" with a block "trust".
func trustConfig(block string) json.RawMessage {
	return json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", "trust": ` + block + `}`)
}

// Two connection strings of accounts that are nowhere, and what names them.
const (
	applications = "DefaultEndpointsProtocol=https;AccountName=application;AccountKey=" + accountKey + ";EndpointSuffix=core.windows.net"
	caches       = "DefaultEndpointsProtocol=https;AccountName=cache;AccountKey=" + accountKey + ";EndpointSuffix=core.windows.net"
)

// checkSecrets fails if text has in it what may be a secret: the connection
// string, its key or signature, or a text anywhere in the block, or for the
// mode, that has characters that no setting has.
func checkSecrets(t *testing.T, text, config, connection, mode string) {
	t.Helper()
	secrets := []string{connection}
	for part := range strings.SplitSeq(connection, ";") {
		name, value, _ := strings.Cut(part, "=")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "accountkey" || name == "sharedaccesssignature" {
			secrets = append(secrets, value)
		}
	}
	var block any
	_ = json.Unmarshal([]byte(config), &block) // "" is no JSON
	for _, written := range append(textsIn(block), mode) {
		if strings.ContainsAny(written, secretCharacters) {
			secrets = append(secrets, written)
		}
	}
	const long = 16 // enough to be a secret, and too much to be in our own sentences
	for _, secret := range secrets {
		if secret = strings.TrimSpace(secret); len(secret) >= long && strings.Contains(text, secret) {
			t.Errorf("got %q, which has %q", text, secret)
		}
	}
}

// addConfigs adds blocks, connection strings and modes to a fuzz target, with whether the
// run is in CI.
func addConfigs(f *testing.F) {
	f.Helper()
	for _, config := range goldenConfigs(f) {
		f.Add(config, "", "", false)
		f.Add(config, connectionString, "", true)
	}
	sas := "SharedAccessSignature=sv=2025-07-05&ss=b&sp=rc&sig=" + strings.ReplaceAll(accountKey, "=", "%3D")
	for _, connection := range []string{
		connectionString,
		"UseDevelopmentStorage=true",
		"BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;AccountName=devstoreaccount1;AccountKey=" + accountKey,
		"BlobEndpoint=https://nxcache.blob.core.windows.net;" + sas,
		"BlobEndpoint=https://nxcache.blob.core.windows.net/?" + sas,
		"AccountName=nxcache;AccountKey=not base64, " + accountKey,
		"BlobEndpoint=https://user:hunter2hunter2@nxcache.blob.core.windows.net;AccountName=nxcache;AccountKey=" + accountKey,
		"DefaultEndpointsProtocol=https;AccountName=x?sig=" + accountKey + ";AccountKey=" + accountKey + ";EndpointSuffix=core.windows.net",
		"DefaultEndpointsProtocol=https;AccountName=nxcache;" + sas + ";EndpointSuffix=core.windows.net",
		accountKey,
	} {
		f.Add(goldenConfig, connection, "", false)
		quoted, err := json.Marshal(connection)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(quoted), connection, "read-only", true)
		f.Add(`{"container": `+string(quoted)+`, "timeouts": {"connect": `+string(quoted)+`}}`, "", connection, true)
	}
}

// secretCharacters are in keys, client secrets, connection strings and SAS, and in no
// correct setting.
const secretCharacters = "=;?&~"

// repository returns the path of a file of the repository.
func repository(path string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", filepath.FromSlash(path))
}
