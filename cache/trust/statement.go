package trust

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Statement is a run's description of an entry that it stores. A signed statement binds the
// entry to its name and content.
type Statement struct {
	Hash   string `json:"hash"`   // Nx's task hash
	Scope  Scope  `json:"scope"`  // of the entry
	Prefix string `json:"prefix"` // of the configuration, or ""
	SHA256 string `json:"sha256"` // of the archive, 64 hexadecimal digits
	Length int64  `json:"length"` // of the archive, in bytes
	Code   int    `json:"code"`   // exit code of the task
	Format int    `json:"format"` // version of the archive's format

	Provenance Provenance `json:"provenance"`
}

// Provenance describes where an entry comes from. It contains the writer's claims; "" means
// unknown.
type Provenance struct {
	Repository string `json:"repository,omitempty"` // such as owner/name
	Ref        string `json:"ref,omitempty"`        // such as refs/heads/main
	Commit     string `json:"commit,omitempty"`
	Run        string `json:"run,omitempty"`  // URL of the CI run
	Tool       string `json:"tool,omitempty"` // that stored the entry, with its version
	// Task is the task of the result: project:target or project:target:configuration.
	// Entries of earlier versions have none.
	Task string    `json:"task,omitempty"`
	Time time.Time `json:"time"` // of the writer's clock
}

// maxProvenance is the length of the longest string in a provenance, in bytes. All metadata
// of a blob have at most 8 KiB, and Azure rejects more.
const maxProvenance = 256

// WithTask returns the provenance with a task and a time. The name of a task comes from the
// checkout.
func (p Provenance) WithTask(task string, at time.Time) Provenance {
	p.Task, p.Time = task, at.UTC().Truncate(time.Second)
	return p.clean()
}

// clean makes the strings printable, and cuts long ones.
func (p Provenance) clean() Provenance {
	for _, field := range []*string{&p.Repository, &p.Ref, &p.Commit, &p.Run, &p.Tool, &p.Task} {
		*field = printable.Short(*field, maxProvenance)
	}
	return p
}

// Encode returns the statement without a signature, in characters that a blob's metadata can
// hold.
func (s Statement) Encode() string { return base64.StdEncoding.EncodeToString(s.payload()) }

func (s Statement) payload() []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // strings, numbers and a time of this century
	}
	return bytes.TrimSpace(b.Bytes())
}

// DecodeStatement decodes what [Statement.Encode] returns. It is a claim: anyone can write
// it.
func DecodeStatement(encoded string) (Statement, error) {
	payload, err := base64.StdEncoding.DecodeString(encoded)
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

// Mismatch returns an error that names the first field in which the signed statement differs
// from the entry, or nil. It ignores the provenance.
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
			return fmt.Errorf("it was signed with the %s %s, but has %s", field.name, quote(field.signed), quote(field.have))
		}
	}
	return nil
}

// quote quotes strings, whose writer is unknown.
func quote(value any) string {
	switch value := value.(type) {
	case string:
		return fmt.Sprintf("%.80q", value)
	case Scope:
		return fmt.Sprintf("%.80q", string(value))
	default:
		return fmt.Sprint(value)
	}
}
