package testenv

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest/repository"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// A connection string, and its secret.
const (
	AccountKey       = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA=="
	ConnectionString = "DefaultEndpointsProtocol=https;AccountName=nxcache;AccountKey=" + AccountKey + ";EndpointSuffix=core.windows.net"
)

// A SAS URL, and its secret.
const (
	sasSignature = "c2lnbmF0dXJlLW9mLWEtc2hhcmVk"
	SASURL       = "https://nxcache.blob.core.windows.net/artifacts?sv=2025-11-05&sr=c&sp=rc&sig=" + sasSignature
)

// LicenseFolder is the folder of licenses.
var LicenseFolder = repository.File("testdata/license")

// During is a time at which testdata/license/valid.jwt is valid.
var During = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// GoodConfig is a minimal block "azure".
const GoodConfig = `{"container": "artifacts", "accountName": "nxcache"}`

// License returns a license of testdata/license.
func License(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(LicenseFolder, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// WriteLicense puts a valid license into a workspace.
func WriteLicense(t *testing.T, root string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(license.File))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("license = "+License(t, "valid.jwt")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// NewSigningKey generates a signing key.
func NewSigningKey(t *testing.T) trust.PrivateKey {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// GoldenConfig is a block "azure" with all keys.
const GoldenConfig = `{"container": "artifacts", "accountName": "nxcache", "endpoint": "https://nxcache.blob.core.usgovcloudapi.net",
	"prefix": "team/app", "credential": "", "maxArtifactSize": "1.5GiB", "cacheFailures": true, "backfill": true, "records": "all", "jobSummary": false, "verify": "0.5%", "include": ["build", "@acme/*:*"], "exclude": ["e2e-*"], "cloud": "usgovernment", "localMode": "read-only", "ciMode": "read-write",
	"timeouts": {"connect": "3s", "firstByte": "10s", "stall": "15s", "drain": "60s"},
	"trust": {"branches": ["main", "release/*"], "repositories": ["acme/shop"], "isolation": "branch", "publicKeys": ["` + GoldenKey + `"],
		"revokedKeys": ["0123456789abcdef", "` + GoldenKey + `"], "containers": {"trusted": "releases", "pr": "others"}}}`

// GoldenKey is a public key.
const GoldenKey = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="

// goldenConfigs returns blocks, each with one of the values in testdata.
func goldenConfigs(f *testing.F) []string {
	f.Helper()
	configs := []string{"", "null", "{}", "[]", GoldenConfig,
		`{"contaner": "artifacts", "timeout": {}, "timeouts": {"drain": 60, "conect": "1s", "stall": "0"}}`,
		`{"container": "artifacts", "accountName": "nxcache", "a\nb": 1, "timeouts": {"a\u2028b": 1, "drain": "0s"}}`,
		`{"container": "artifacts", "accountName": "nxcache", "timeouts": null, "trust": null}`,
		`{"container": "artifacts", "accountName": "nxcache", "trust": {"isolation": "none"}}`,
		`{"container": "artifacts", "accountName": "nxcache", "credential": "workload-identity", "cloud": "china"}`,
		`{"container": "artifacts", "credential": "connection-string", "cloud": "AzureChinaCloud"}`,
		`{"container": "artifacts", "accountName": "nxcache", "trust": {"branches": [], "publicKeys": []}}`,
		`{"container": "artifacts", "accountName": "nxcache", "trust": {"branch": ["main"], "branches": "main", "isolation": "non", "publicKeys": ["` +
			AccountKey + `"], "revokedKeys": [1], "containers": {"trusted": "X", "main": "x"}}}`,
	}
	for _, value := range SharedValues(f) {
		configs = append(configs, string(value.Block(f)))
	}
	return configs
}

// CheckLine fails unless text is printable and on one line.
func CheckLine(t *testing.T, text string) {
	t.Helper()
	const longest = 4000
	if len(text) > longest || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("got %.5000q, want one line of at most %d bytes", text, longest)
	}
}

// StringsIn returns all strings and keys in a JSON value.
func StringsIn(value any) (all []string) {
	switch value := value.(type) {
	case string:
		all = append(all, value)
	case []any:
		for _, element := range value {
			all = append(all, StringsIn(element)...)
		}
	case map[string]any:
		for key, member := range value {
			all = append(append(all, key), StringsIn(member)...)
		}
	}
	return all
}

// sharedValue is a value of a key, which may be in an object ("a.b"). This reader, the
// JSON schema and the generator init must agree whether it is valid.
type sharedValue struct {
	Key   string
	Value any
	Valid bool
}

// SharedValues returns the values in testdata/config.
func SharedValues(t testing.TB) (values []sharedValue) {
	t.Helper()
	data, err := os.ReadFile(repository.File("testdata/config/values.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &values); err != nil || len(values) == 0 {
		t.Fatalf("got %d values, %v", len(values), err)
	}
	return values
}

// Block returns a block "azure" with the value.
func (v sharedValue) Block(t testing.TB) json.RawMessage {
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

// TrustConfig returns a block "azure" with a block "trust".
func TrustConfig(block string) json.RawMessage {
	return json.RawMessage(`{"container": "artifacts", "accountName": "nxcache", "trust": ` + block + `}`)
}

// Two connection strings of accounts that do not exist.
const (
	Applications = "DefaultEndpointsProtocol=https;AccountName=application;AccountKey=" + AccountKey + ";EndpointSuffix=core.windows.net"
	Caches       = "DefaultEndpointsProtocol=https;AccountName=cache;AccountKey=" + AccountKey + ";EndpointSuffix=core.windows.net"
)

// CheckSecrets fails if text contains a possible secret: the connection string, its key
// or signature, or a string in the block or the mode with characters that no setting has.
func CheckSecrets(t *testing.T, text, config, connection, mode string) {
	t.Helper()
	secrets := []string{connection}
	for part := range strings.SplitSeq(connection, ";") {
		name, value, _ := strings.Cut(part, "=")
		if name = strings.ToLower(strings.TrimSpace(name)); name == "accountkey" || name == "sharedaccesssignature" {
			secrets = append(secrets, value)
		}
	}
	var block any
	_ = json.Unmarshal([]byte(config), &block) // "" is not JSON
	for _, written := range append(StringsIn(block), mode) {
		if strings.ContainsAny(written, secretCharacters) {
			secrets = append(secrets, written)
		}
	}
	const long = 16 // long enough for a secret, and too long to occur in our own sentences
	for _, secret := range secrets {
		if secret = strings.TrimSpace(secret); len(secret) >= long && strings.Contains(text, secret) {
			t.Errorf("got %q, which has %q", text, secret)
		}
	}
}

// AddConfigs adds blocks, connection strings and modes to a fuzz target, with whether the
// run is in CI.
func AddConfigs(f *testing.F) {
	f.Helper()
	for _, config := range goldenConfigs(f) {
		f.Add(config, "", "", false)
		f.Add(config, ConnectionString, "", true)
	}
	sas := "SharedAccessSignature=sv=2025-07-05&ss=b&sp=rc&sig=" + strings.ReplaceAll(AccountKey, "=", "%3D")
	for _, connection := range []string{
		ConnectionString,
		"UseDevelopmentStorage=true",
		"BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;AccountName=devstoreaccount1;AccountKey=" + AccountKey,
		"BlobEndpoint=https://nxcache.blob.core.windows.net;" + sas,
		"BlobEndpoint=https://nxcache.blob.core.windows.net/?" + sas,
		"AccountName=nxcache;AccountKey=not base64, " + AccountKey,
		"BlobEndpoint=https://user:hunter2hunter2@nxcache.blob.core.windows.net;AccountName=nxcache;AccountKey=" + AccountKey,
		"DefaultEndpointsProtocol=https;AccountName=x?sig=" + AccountKey + ";AccountKey=" + AccountKey + ";EndpointSuffix=core.windows.net",
		"DefaultEndpointsProtocol=https;AccountName=nxcache;" + sas + ";EndpointSuffix=core.windows.net",
		AccountKey,
	} {
		f.Add(GoldenConfig, connection, "", false)
		quoted, err := json.Marshal(connection)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(quoted), connection, "read-only", true)
		f.Add(`{"container": `+string(quoted)+`, "timeouts": {"connect": `+string(quoted)+`}}`, "", connection, true)
	}
}

// secretCharacters occur in keys, client secrets, connection strings and SAS tokens, and
// in no valid setting.
const secretCharacters = "=;?&~@%+"
