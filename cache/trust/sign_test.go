package trust

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

var statement = Statement{
	Hash: "123", Scope: Trusted, Prefix: "team/app", SHA256: strings.Repeat("ab", 32), Length: 42, Code: 0, Format: 1,
	Provenance: Provenance{
		Repository: "acme/shop", Ref: "refs/heads/main", Commit: "c0ffee", Run: "https://github.com/acme/shop/actions/runs/1",
		Tool: "nx-azure-cache 1.0.0", Time: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
	},
}

func sign(t testing.TB, key PrivateKey, s Statement) string {
	t.Helper()
	envelope, err := NewSigner(key).Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

func newVerifier(t testing.TB, keys []PublicKey, revoked ...string) *Verifier {
	t.Helper()
	v, err := NewVerifier(keys, revoked)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSigned(t *testing.T) {
	old, key := newKey(t), newKey(t)
	envelope := sign(t, key, statement)
	v := newVerifier(t, []PublicKey{old.Public(), key.Public(), key.Public()}, old.Public().ID())
	opened, err := v.Verify(envelope)
	if err != nil || opened.Statement != statement || opened.KeyID != key.Public().ID() {
		t.Errorf("got %+v, %v, want %+v", opened, err, statement)
	}
	if read, err := Read(envelope); err != nil || read != opened {
		t.Errorf("read %+v, %v", read, err)
	}
	if strings.ContainsFunc(envelope, func(r rune) bool { return r <= ' ' || r > '~' }) {
		t.Errorf("%s cannot be the value of a header", envelope)
	}
	if !v.Trusts(key.Public()) || v.Trusts(old.Public()) || v.Trusts(newKey(t).Public()) {
		t.Error("the wrong keys are trusted")
	}
}

// The envelope has the shape of DSSE's specification (protocol.md), so that others can
// verify our signatures.
func TestEnvelopeIsDSSE(t *testing.T) {
	key := newKey(t)
	var e struct {
		PayloadType, Payload string
		Signatures           []map[string]string
	}
	if err := json.Unmarshal([]byte(sign(t, key, statement)), &e); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil || e.PayloadType != string(artifactType) || len(e.Signatures) != 1 || len(e.Signatures[0]) != 2 || e.Signatures[0]["keyid"] != key.Public().ID() {
		t.Errorf("got %+v, %v", e, err)
	}
	want := `{"hash":"123","scope":"trusted","prefix":"team/app","sha256":"` + strings.Repeat("ab", 32) + `","length":42,"code":0,"format":1,` +
		`"provenance":{"repository":"acme/shop","ref":"refs/heads/main","commit":"c0ffee","run":"https://github.com/acme/shop/actions/runs/1",` +
		`"tool":"nx-azure-cache 1.0.0","time":"2026-11-22T00:00:00Z"}}`
	if string(payload) != want {
		t.Errorf("got %s, want %s", payload, want)
	}
}

func TestRejectedSignatures(t *testing.T) {
	key, other, revoked := newKey(t), newKey(t), newKey(t)
	v := newVerifier(t, []PublicKey{key.Public(), revoked.Public()}, revoked.Public().String())
	good := sign(t, key, statement)
	id := key.Public().ID()
	changed := statement
	changed.Code = 1
	payloadOf := func(envelope string) string {
		_, rest, _ := strings.Cut(envelope, `"payload":"`)
		payload, _, _ := strings.Cut(rest, `"`)
		return payload
	}
	for name, test := range map[string]struct{ envelope, want string }{
		"none":                      {"", "it is not signed"},
		"no envelope":               {"{", "its envelope is not valid DSSE"},
		"too long":                  {`{"x":"` + strings.Repeat("x", maxEnvelope) + `"}`, "its envelope is not valid DSSE"},
		"another type":              {strings.Replace(good, string(artifactType), "application/vnd.in-toto+json", 1), "has the type"},
		"no signature":              {good[:strings.Index(good, `"signatures"`)] + `"signatures":[]}`, "has 0 signatures"},
		"two signatures":            {strings.Replace(good, `[{`, `[{"keyid":"","sig":""},{`, 1), "has 2 signatures"},
		"a foreign key":             {sign(t, other, statement), "not one of azure.trust.publicKeys"},
		"a foreign key with our ID": {strings.Replace(sign(t, other, statement), other.Public().ID(), id, 1), "its signature is invalid"},
		"a revoked key":             {sign(t, revoked, statement), "which is revoked"},
		"a revoked key with our ID": {strings.Replace(sign(t, revoked, statement), revoked.Public().ID(), id, 1), "its signature is invalid"},
		"no key":                    {strings.Replace(good, id, "", 1), "not one of azure.trust.publicKeys"},
		"another payload":           {strings.Replace(good, payloadOf(good), payloadOf(sign(t, other, changed)), 1), "its signature is invalid"},
		"not a signature":           {good[:strings.Index(good, `"sig":"`)] + `"sig":"!"}]}`, "its signature is invalid"},
		"a truncated signature":     {good[:strings.Index(good, `"sig":"`)] + `"sig":"AAAA"}]}`, "its signature is invalid"},
		"an escape sequence as key": {strings.Replace(good, id, `\u001b[2J`, 1), `"\x1b[2J"`},
	} {
		if _, err := v.Verify(test.envelope); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}

func TestMismatch(t *testing.T) {
	if err := statement.Mismatch(statement); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Statement){
		"hash":      func(s *Statement) { s.Hash = "124" },
		"scope":     func(s *Statement) { s.Scope = PullRequest("7") },
		"prefix":    func(s *Statement) { s.Prefix = "" },
		"format":    func(s *Statement) { s.Format = 0 },
		"length":    func(s *Statement) { s.Length++ },
		"SHA-256":   func(s *Statement) { s.SHA256 = strings.Repeat("ac", 32) },
		"exit code": func(s *Statement) { s.Code = 1 },
	} {
		signed := statement
		change(&signed)
		if err := signed.Mismatch(statement); err == nil || !strings.Contains(err.Error(), "signed with the "+want+" ") {
			t.Errorf("got %v, want the %s", err, want)
		}
	}
	elsewhere := statement
	elsewhere.Provenance = Provenance{}
	if err := elsewhere.Mismatch(statement); err != nil {
		t.Errorf("got %v: the provenance does not matter", err)
	}
}

func TestInvalidRevokedKeys(t *testing.T) {
	for _, text := range []string{"", "0123", "0123456789ABCDEF", "x"} {
		if _, err := NewVerifier(nil, []string{text}); err == nil || !strings.Contains(err.Error(), "16 hexadecimal digits") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

// Long values of an environment fit in the metadata of a blob and in a line.
func TestLongProvenance(t *testing.T) {
	run := build{system: "CI", branch: strings.Repeat("ä\n", 5000), provenance: Provenance{
		Repository: strings.Repeat("r", 5000), Ref: strings.Repeat("ä\n", 5000), Commit: strings.Repeat("c", 5000), Run: strings.Repeat("\x1b[2J", 5000),
	}}.run(ListedBranches())
	s := statement
	s.Prefix, s.Provenance = strings.Repeat("p", 512), run.Provenance
	s.Scope, s.Hash = run.Scope, strings.Repeat("1", 128)
	if envelope := sign(t, newKey(t), s); len(envelope) > 5<<10 || strings.ContainsAny(run.Provenance.Ref+run.Provenance.Run, "\n\x1b") {
		t.Errorf("got an envelope of %d bytes and %+v", len(envelope), run.Provenance)
	}
	// Each of these bytes becomes two in JSON.
	long := strings.Repeat(`"`, 5000)
	s.Provenance = Provenance{Repository: long, Ref: long, Commit: long, Run: long, Tool: long}.WithTask(long, time.Now())
	if envelope := sign(t, newKey(t), s); len(envelope) > 7<<10 || len(s.Provenance.Task) != maxProvenance {
		t.Errorf("got an envelope of %d bytes, and a task of %d", len(envelope), len(s.Provenance.Task))
	}
}

// An entry of an earlier version has no task, and is as valid.
func TestStatementWithoutTask(t *testing.T) {
	payload := `{"hash":"123","scope":"trusted","prefix":"","sha256":"","length":0,"code":0,"format":1,"provenance":{"ref":"main","time":"2026-11-22T00:00:00Z"}}`
	got, err := DecodeStatement(base64.StdEncoding.EncodeToString([]byte(payload)))
	if err != nil || got.Provenance.Task != "" || got.Provenance.Ref != "main" {
		t.Errorf("got %+v, %v", got, err)
	}
	got.Provenance = got.Provenance.WithTask("shop:build", got.Provenance.Time)
	if again, err := DecodeStatement(got.Encode()); err != nil || again != got || again.Provenance.Task != "shop:build" {
		t.Errorf("got %+v, %v, want %+v", again, err, got)
	}
}

// FuzzRead checks that envelopes of unknown origin do no harm and are never verified.
func FuzzRead(f *testing.F) {
	key := newKey(f)
	v := newVerifier(f, []PublicKey{key.Public()})
	good := sign(f, newKey(f), statement)
	f.Add(good)
	f.Add(strings.Replace(good, `"sig"`, `"Sig"`, 1))
	f.Add(statement.Encode())
	f.Add(`{"payloadType":"` + string(artifactType) + `","payload":"e30=","signatures":[{"keyid":"` + key.Public().ID() + `","sig":""}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if opened, err := v.Verify(text); err == nil {
			t.Errorf("verified %+v", opened)
		}
		opened, err := Read(text)
		if err == nil {
			checkClean(t, opened.Statement.Provenance)
		}
		if claimed, err := DecodeStatement(text); err == nil {
			checkClean(t, claimed.Provenance)
		}
	})
}

func checkClean(t *testing.T, p Provenance) {
	for _, text := range []string{p.Repository, p.Ref, p.Commit, p.Run, p.Tool} {
		if len(text) > maxProvenance || !printable.Is(text) {
			t.Errorf("got %q", text)
		}
	}
}
