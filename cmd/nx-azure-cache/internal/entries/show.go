package entries

import (
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// EntryLine is an entry as JSON.
type EntryLine struct {
	URL       string    `json:"url"`
	Scope     string    `json:"scope"`
	Hash      string    `json:"hash"`
	Size      int64     `json:"size"`
	Modified  time.Time `json:"modified"`
	ETag      string    `json:"etag"`
	Archived  bool      `json:"archived,omitempty"` // it cannot be read
	Format    string    `json:"format,omitempty"`
	SHA256    string    `json:"sha256,omitempty"`
	Signature Signature `json:"signature"`
	// Proven reports whether a valid signature covers the following fields.
	Proven     bool            `json:"proven"`
	Code       *int            `json:"code,omitempty"`
	Provenance *ProvenanceLine `json:"provenance,omitempty"`
	Body       string          `json:"body,omitempty"`    // of inspect --verify
	LastRun    bool            `json:"lastRun,omitempty"` // of inspect: Nx computed the hash in its last run here
}

// ProvenanceLine is a [trust.Provenance] without its unknown fields.
type ProvenanceLine struct {
	Repository string    `json:"repository,omitempty"`
	Ref        string    `json:"ref,omitempty"`
	Commit     string    `json:"commit,omitempty"`
	Run        string    `json:"run,omitempty"`
	Tool       string    `json:"tool,omitempty"`
	Task       string    `json:"task,omitempty"`
	Time       time.Time `json:"time,omitzero"`
}

func (e *entry) line() EntryLine {
	line := EntryLine{
		URL: e.url(), Scope: string(e.Scope), Hash: e.Hash, Size: e.Size, Modified: e.modified.UTC(), ETag: e.etag, Archived: e.isArchived(),
		Format: e.Format(), SHA256: e.SHA256(), Signature: e.signature, Proven: e.isProven(),
	}
	if e.statement != nil {
		from := ProvenanceLine(e.statement.Provenance)
		line.Code, line.Provenance = &e.statement.Code, &from
	}
	return line
}

func (e *entry) provenance() trust.Provenance {
	if e.statement == nil {
		return trust.Provenance{}
	}
	return e.statement.Provenance
}
