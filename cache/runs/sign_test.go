package runs_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

func newKey(t *testing.T) trust.PrivateKey {
	t.Helper()
	key, err := trust.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func verifierOf(t *testing.T, keys ...trust.PrivateKey) *trust.Verifier {
	t.Helper()
	var public []trust.PublicKey
	for _, key := range keys {
		public = append(public, key.Public())
	}
	verifier, err := trust.NewVerifier(public, nil)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

func metadata(t *testing.T, name string, body []byte, signer *trust.Signer) cache.Metadata {
	t.Helper()
	m, err := runs.Metadata(name, body, signer)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSignatures(t *testing.T) {
	key, stranger := newKey(t), newKey(t)
	r := sample()
	body := encode(t, r)
	name := runs.Name("team", r.Scope, r.Ended, r.Session)
	good := metadata(t, name, body, trust.NewSigner(key))
	verifier := verifierOf(t, key)
	if err := runs.Verify(name, body, good, verifier); err != nil {
		t.Fatal(err)
	}
	if !runs.IsSigned(good) {
		t.Error("the record counts as unsigned")
	}
	for key, value := range good {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || strings.ToLower(key) != key {
			t.Errorf("the storage does not accept the metadata %s: %q", key, value)
		}
	}
	for title, test := range map[string]struct {
		name     string
		body     []byte
		metadata cache.Metadata
		want     string
	}{
		"unsigned":        {name, body, metadata(t, name, body, nil), "not signed"},
		"a stranger":      {name, body, metadata(t, name, body, trust.NewSigner(stranger)), "not one of azure.trust.publicKeys"},
		"another name":    {runs.Name("team", "pr-7", r.Ended, r.Session), body, good, "another record"},
		"another prefix":  {runs.Name("", r.Scope, r.Ended, r.Session), body, good, "another record"},
		"another content": {name, encode(t, local()), good, "another content"},
		"another payload": {name, body, cache.Metadata{"dsse": strings.Replace(good["dsse"], `"payload":"ey`, `"payload":"eX`, 1)}, "signature is invalid"},
	} {
		if err := runs.Verify(test.name, test.body, test.metadata, verifier); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v; want %q", title, err, test.want)
		}
	}
}

// The same key signs entries and records. An envelope of one never counts as one of the
// other, whatever type it claims and whatever the payload says.
func TestSignaturesOfEntriesAndRecords(t *testing.T) {
	key := newKey(t)
	signer, verifier := trust.NewSigner(key), verifierOf(t, key)
	r := sample()
	body := encode(t, r)
	name := runs.Name("team", r.Scope, r.Ended, r.Session)
	ofRecord := metadata(t, name, body, signer)

	entry := cache.Entry{Prefix: "team", Scope: trust.Trusted, Hash: "123", Size: int64(len(body)), Metadata: maps.Clone(ofRecord)}
	if _, err := entry.Verify(verifier); err == nil || !strings.Contains(err.Error(), "has the type") {
		t.Errorf("an entry with the envelope of a record: got %v", err)
	}
	if _, _, err := entry.Claim(); err == nil {
		t.Error("an entry with the envelope of a record has a claim")
	}
	ofEntry, err := signer.Sign(trust.Statement{Hash: "123", Scope: trust.Trusted, Prefix: "team", SHA256: entry.SHA256(), Length: entry.Size, Format: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := runs.Verify(name, body, cache.Metadata{"dsse": ofEntry}, verifier); err == nil || !strings.Contains(err.Error(), "has the type") {
		t.Errorf("a record with the envelope of an entry: got %v", err)
	}

	// An attacker changes the type that the envelope claims.
	const artifact, run = "application/vnd.nx-azure-cache.artifact+json", "application/vnd.nx-azure-cache.run+json"
	if !strings.Contains(ofRecord["dsse"], run) || !strings.Contains(ofEntry, artifact) {
		t.Fatal("the envelopes have other types")
	}
	entry.Metadata["dsse"] = strings.Replace(ofRecord["dsse"], run, artifact, 1)
	if _, err := entry.Verify(verifier); err == nil || !strings.Contains(err.Error(), "signature is invalid") {
		t.Errorf("an entry with the relabelled envelope of a record: got %v", err)
	}
	relabelled := cache.Metadata{"dsse": strings.Replace(ofEntry, artifact, run, 1)}
	if err := runs.Verify(name, body, relabelled, verifier); err == nil || !strings.Contains(err.Error(), "signature is invalid") {
		t.Errorf("a record with the relabelled envelope of an entry: got %v", err)
	}
}

func TestOpen(t *testing.T) {
	r := sample()
	body := encode(t, r)
	name := runs.Name("team", r.Scope, r.Ended, r.Session)
	good := metadata(t, name, body, nil)
	if got, err := runs.Open("team", name, body, good); err != nil || got.Session != r.Session {
		t.Fatalf("got %v, %v", got, err)
	}
	change := func(key, value string) cache.Metadata {
		m := maps.Clone(good)
		m[key] = value
		return m
	}
	for title, test := range map[string]struct {
		name     string
		metadata cache.Metadata
		want     string
	}{
		"an entry":          {"team/v1/trusted/123", good, "its name"},
		"another prefix":    {"other" + strings.TrimPrefix(name, "team"), good, "its name"},
		"another scope":     {runs.Name("team", "pr-7", r.Ended, r.Session), good, "another run"},
		"another time":      {runs.Name("team", r.Scope, r.Ended.AddDate(0, 0, 1), r.Session), good, "another run"},
		"another session":   {runs.Name("team", r.Scope, r.Ended, "x"), good, "another run"},
		"no metadata":       {name, nil, "its metadata has the"},
		"another format":    {name, change("format", "2"), "the format \"2\" instead of 1"},
		"another length":    {name, change("length", "1"), "length"},
		"another digest":    {name, change("sha256", strings.Repeat("0", 64)), "sha256"},
		"a terminal escape": {name, change("format", "\x1b[2J"), `\x1b`},
	} {
		if _, err := runs.Open("team", test.name, body, test.metadata); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v; want %q", title, err, test.want)
		}
	}
}

// The values in this test are in the documentation of other writers: they must not change.
func TestTag(t *testing.T) {
	for _, test := range []struct {
		name, value string
		want        uint16
	}{
		{"shop:shop/**/*", "abc", 0xba78},
		{"AllExternalDependencies", "abc", 0xba78},
		{"env:CI", "abc", 0xba},
		{"runtime:node --version", "abc", 0xba},
		{"environment:x", "abc", 0xba78},
		{"x", "", 0xe3b0},
	} {
		if got := runs.Tag(test.name, test.value); got != test.want {
			t.Errorf("%s %q: got %#x, want %#x", test.name, test.value, got, test.want)
		}
	}
}

func TestInputJSON(t *testing.T) {
	encoded, err := json.Marshal(runs.Input{Name: "a:a/**/*", Tag: 65535})
	if want := `["a:a/**/*",65535]`; err != nil || string(encoded) != want {
		t.Errorf("got %s, %v; want %s", encoded, err, want)
	}
}
