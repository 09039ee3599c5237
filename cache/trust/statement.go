package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Statement is what a run says about an entry that it stores. Signed, it binds
// the entry to its name and contents.
type Statement struct {
	Hash   string `json:"hash"`   // Nx's task hash
	Scope  Scope  `json:"scope"`  // that the entry is in
	Prefix string `json:"prefix"` // of the configuration, or ""
	SHA256 string `json:"sha256"` // of the artifact, 64 hexadecimal digits
	Length int64  `json:"length"` // of the artifact, in bytes
	Code   int    `json:"code"`   // exit code of the task
	Format int    `json:"format"` // version of the artifact's format

	Provenance Provenance `json:"provenance"`
}

// Provenance says where an entry comes from. All of it is the writer's word; "" is
// what it does not know.
type Provenance struct {
	Repository string    `json:"repository,omitempty"` // such as owner/name
	Ref        string    `json:"ref,omitempty"`        // such as refs/heads/main
	Commit     string    `json:"commit,omitempty"`
	Run        string    `json:"run,omitempty"`  // URL of the run of CI
	Tool       string    `json:"tool,omitempty"` // that has stored it, with its version
	Time       time.Time `json:"time"`           // of the writer's clock
}

// maxProvenance is the length of the longest text in a provenance, in bytes. All
// metadata of a blob have at most 8 KiB.
const maxProvenance = 256

// clean escapes in a provenance what must not reach a terminal, and cuts what is too
// long.
func (p Provenance) clean() Provenance {
	for _, text := range []*string{&p.Repository, &p.Ref, &p.Commit, &p.Run, &p.Tool} {
		*text = printable.Short(*text, maxProvenance)
	}
	return p
}

// Encode is the statement without a signature, in characters that a blob's
// metadata can hold.
func (s Statement) Encode() string { return base64.StdEncoding.EncodeToString(s.payload()) }

func (s Statement) payload() []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // texts, numbers and a time of this century
	}
	return bytes.TrimSpace(b.Bytes())
}

// DecodeStatement reads what [Statement.Encode] makes. Anybody can write it: it
// is a claim.
func DecodeStatement(text string) (Statement, error) {
	payload, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return Statement{}, fmt.Errorf("its statement is not base64: %w", err)
	}
	return parseStatement(payload)
}

func parseStatement(payload []byte) (s Statement, err error) {
	if err := json.Unmarshal(payload, &s); err != nil {
		return Statement{}, fmt.Errorf("its statement is not valid JSON: %w", err)
	}
	s.Provenance = s.Provenance.clean()
	return s, nil
}

// Mismatch returns an error that names the first thing in which what was signed
// differs from the entry at hand, or nil. The provenance does not matter.
func (s Statement) Mismatch(entry Statement) error {
	for _, field := range []struct {
		name         string
		signed, have any
	}{
		{"hash", s.Hash, entry.Hash},
		{"scope", s.Scope, entry.Scope},
		{"prefix", s.Prefix, entry.Prefix},
		{"format", s.Format, entry.Format},
		{"SHA-256", s.SHA256, entry.SHA256},
		{"length", s.Length, entry.Length},
		{"exit code", s.Code, entry.Code},
	} {
		if field.signed != field.have {
			return fmt.Errorf("it was signed with the %s %s, but has %s", field.name, shown(field.signed), shown(field.have))
		}
	}
	return nil
}

// shown quotes texts: who has written them is not known.
func shown(value any) string {
	switch text := value.(type) {
	case string:
		return fmt.Sprintf("%.80q", text)
	case Scope:
		return fmt.Sprintf("%.80q", string(text))
	default:
		return fmt.Sprint(value)
	}
}
