package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// FuzzSettings reads any block of nx.json beside any variables. What is said
// about them is lines that hold no secret and nothing that is foreign to
// settings; what is right about them is read the same again.
func FuzzSettings(f *testing.F) {
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
	root := f.TempDir()
	licence := readToken(f, "valid.jwt")
	f.Fuzz(func(t *testing.T, config, connection, mode string, ci bool) {
		if !json.Valid([]byte(config)) && config != "" {
			t.Skip("rpc refuses it")
		}
		environment := env{connectionVariable: connection, modeVariable: mode, license.Variable: licence, trust.RefVariable: "refs/heads/x"}
		got, warnings, err := readSettings(json.RawMessage(config), ci, environment.get)
		lines := slices.Concat(warnings, mistakesOf(err))
		session := open(rpc.InitializeParams{Config: json.RawMessage(config), CI: ci, WorkspaceRoot: root}, environment.get, during)
		for _, line := range slices.Concat(lines, session.Warnings, []string{session.Reason, session.Location}) {
			checkLine(t, line)
			checkSecrets(t, line, config, connection, mode)
		}
		checkLocation(t, session)
		// A trusted run has no key here.
		cannotSign := session.Scope == string(trust.Trusted) && got.trust.verifier != nil && session.Mode == cache.ReadOnly
		if session.Mode != got.mode && !cannotSign || (session.Cache != nil) != (session.Reason == "") || (err != nil && session.Cache != nil) {
			t.Errorf("got the error %v and the session %+v", err, session)
		}
		if err == nil && got.mode != cache.NoCache {
			checkRight(t, got, config, ci, environment)
			if unknown := unknownKeys(t, config); len(warnings) != unknown && !got.trust.shared {
				t.Errorf("got the warnings %q about %d unknown keys", warnings, unknown)
			}
		}
	})
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

// mistakesOf returns the text of each error that readSettings has joined.
func mistakesOf(err error) (texts []string) {
	if err == nil {
		return nil
	}
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		return []string{err.Error()}
	}
	for _, err := range joined.Unwrap() {
		texts = append(texts, err.Error())
	}
	return texts
}

// checkLine fails unless text can be shown as it is, on one line.
func checkLine(t *testing.T, text string) {
	t.Helper()
	const longest = 4000
	if len(text) > longest || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("got %.5000q, want one line of at most %d bytes", text, longest)
	}
}

// checkLocation fails unless a session with a cache says where it is, and
// nothing of how to get in.
func checkLocation(t *testing.T, session rpc.Session) {
	t.Helper()
	u, err := url.Parse(session.Location)
	if (session.Cache != nil) != (session.Location != "") || err != nil {
		t.Fatalf("got the location %q and %v, and the reason %q", session.Location, err, session.Reason)
	}
	if session.Cache != nil && (u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "") {
		t.Errorf("got the location %q, want a host and a path", session.Location)
	}
}

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
		if strings.ContainsAny(written, foreign) {
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

// checkRight fails unless settings that were taken keep the rules, and are read
// the same from a block that is made of them.
func checkRight(t *testing.T, got settings, config string, ci bool, environment env) {
	t.Helper()
	if endpoint.CheckContainer(got.container) != nil || !cache.ValidPrefix(got.prefix) {
		t.Errorf("took the container %q and the prefix %q", got.container, got.prefix)
	}
	for name, d := range map[string]time.Duration{
		"connect": got.limits.Connect, "firstByte": got.limits.FirstByte, "stall": got.limits.Stall, "drain": got.drain,
	} {
		if (d < minTimeout || d > maxTimeout) && (name != "drain" || d != 0) {
			t.Errorf("took %s for %s", d, name)
		}
	}
	again, err := json.Marshal(map[string]any{
		"container": got.container, "accountName": got.accountName, "endpoint": got.endpoint, "prefix": got.prefix,
		"credential": got.credential, "cloud": got.cloud,
		"localMode": got.mode, "ciMode": got.mode,
		"timeouts": map[string]string{
			"connect": got.limits.Connect.String(), "firstByte": got.limits.FirstByte.String(),
			"stall": got.limits.Stall.String(), "drain": got.drain.String(),
		},
		"trust":           trustBlock(got.trust),
		"maxArtifactSize": got.maxArtifactSize, "cacheFailures": got.cacheFailures, "include": got.tasks.include, "exclude": got.tasks.exclude,
	})
	if err != nil {
		t.Fatal(err)
	}
	same, warnings, err := readSettings(again, ci, environment.get)
	same.trust.verifier, got.trust.verifier = nil, nil // which has the revoked keys, too
	if !reflect.DeepEqual(same, got) || len(warnings) > 0 || err != nil {
		t.Errorf("read %s as %+v\nand that as %+v, %q, %v", config, got, same, warnings, err)
	}
}

// trustBlock is what is written of the settings in "azure.trust".
func trustBlock(t trustSettings) map[string]any {
	block := map[string]any{"isolation": "branch", "containers": t.containers, "branches": t.branches, "repositories": t.repositories}
	if t.shared {
		block = map[string]any{"isolation": "none"}
	}
	var keys []string
	for _, key := range t.keys {
		keys = append(keys, key.String())
	}
	block["publicKeys"] = keys
	return block
}

// unknownKeys returns how many keys of a block nobody knows.
func unknownKeys(t *testing.T, config string) (n int) {
	t.Helper()
	var block map[string]any
	if err := json.Unmarshal([]byte(config), &block); err != nil {
		t.Fatal(err)
	}
	timeouts, _ := block["timeouts"].(map[string]any)
	trusted, _ := block["trust"].(map[string]any)
	for known, keys := range map[string]map[string]any{
		" container accountName endpoint prefix credential cloud localMode ciMode timeouts trust maxArtifactSize cacheFailures include exclude ": block,
		" connect firstByte stall drain ":                                     timeouts,
		" branches containers isolation publicKeys repositories revokedKeys ": trusted,
	} {
		for key := range keys {
			if strings.ContainsAny(key, " ") || !strings.Contains(known, fmt.Sprintf(" %s ", key)) {
				n++
			}
		}
	}
	return n
}
