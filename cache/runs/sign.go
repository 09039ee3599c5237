package runs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// payloadType is the type of envelopes about records.
const payloadType trust.PayloadType = "application/vnd.nx-azure-cache.run+json"

// The names of a blob's metadata.
const (
	metaFormat   = "format"
	metaLength   = "length"
	metaSHA256   = "sha256"
	metaEnvelope = "dsse"
)

// Statement is a run's description of the record that it writes. A signed statement binds
// the record to its name and content.
type Statement struct {
	Name   string `json:"name"`   // of the blob
	SHA256 string `json:"sha256"` // of the body, 64 hexadecimal digits
	Length int64  `json:"length"` // of the body, in bytes
	Format int    `json:"format"`
}

func describe(name string, body []byte) Statement {
	sum := sha256.Sum256(body)
	return Statement{Name: name, SHA256: hex.EncodeToString(sum[:]), Length: int64(len(body)), Format: Format}
}

// Metadata returns the metadata of a record's blob, signed if there is a signer.
func Metadata(name string, body []byte, signer *trust.Signer) (cache.Metadata, error) {
	statement := describe(name, body)
	metadata := statement.metadata()
	if signer == nil {
		return metadata, nil
	}
	payload, err := marshal(statement)
	if err != nil {
		return nil, err
	}
	metadata[metaEnvelope], err = signer.Seal(payloadType, payload)
	return metadata, err
}

func (s Statement) metadata() cache.Metadata {
	return cache.Metadata{
		metaFormat: strconv.Itoa(s.Format),
		metaLength: strconv.FormatInt(s.Length, 10),
		metaSHA256: s.SHA256,
	}
}

// IsSigned reports whether a record has a signature, valid or not.
func IsSigned(metadata cache.Metadata) bool { return metadata[metaEnvelope] != "" }

// Verify returns an error unless an accepted key has signed the record with this name and
// body. The error says which check failed.
func Verify(name string, body []byte, metadata cache.Metadata, verifier *trust.Verifier) error {
	payload, err := verifier.Open(payloadType, metadata[metaEnvelope])
	if err != nil {
		return err
	}
	var signed Statement
	if err := json.Unmarshal(payload.Content, &signed); err != nil {
		return fmt.Errorf("its statement is not valid JSON: %w", err)
	}
	if signed != describe(name, body) {
		return errors.New("it was signed as another record, or with another content")
	}
	return nil
}

// Check returns an error unless the metadata belong to the body: a version that this one
// reads has written all of it.
func Check(body []byte, metadata cache.Metadata) error {
	for key, want := range describe("", body).metadata() {
		if got := metadata[key]; got != want {
			return fmt.Errorf("its metadata has the %s %.80q instead of %s", key, got, want)
		}
	}
	return nil
}

// Open checks the metadata of a record, and decodes it. The record must be that of the run
// in its name. Open does not check its signature, see [Verify].
func Open(prefix, name string, body []byte, metadata cache.Metadata) (*Record, error) {
	scope, ended, session, ok := ParseName(prefix, name)
	if !ok {
		return nil, errors.New("its name is not that of a record")
	}
	if err := Check(body, metadata); err != nil {
		return nil, err
	}
	record, err := Decode(body)
	if err != nil {
		return nil, err
	}
	if record.Scope != scope || record.Session != session || record.Ended.Unix() != ended.Unix() {
		return nil, errors.New("it is about another run than its name says")
	}
	return record, nil
}
