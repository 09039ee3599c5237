package cache

import (
	"strconv"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// The names of a blob's metadata, see doc.go.
const (
	metaFormat    = "format"    // archive.Format
	metaLength    = "length"    // bytes of the body
	metaSHA256    = "sha256"    // of the body, hexadecimal
	metaStatement = "statement" // trust.Statement of an entry that is not signed
	metaEnvelope  = "dsse"      // trust.Statement of a signed entry, in its envelope
	metaTook      = "took"      // milliseconds for which the task ran
)

// Entry is a stored result, known by the name, size and metadata of its blob.
type Entry struct {
	Prefix   string // of the configuration
	Scope    trust.Scope
	Hash     string
	Size     int64 // bytes of the body
	Metadata Metadata
}

// IsSigned reports whether the entry has a signature, valid or not.
func (e Entry) IsSigned() bool { return e.Metadata[metaEnvelope] != "" }

// Format is the archive format of the body according to the metadata, or "".
func (e Entry) Format() string { return e.Metadata[metaFormat] }

// SHA256 is the digest of the body according to the metadata, in hexadecimal, or "".
func (e Entry) SHA256() string { return e.Metadata[metaSHA256] }

// maxTook is the longest time that a task may claim to have run: 7 days in milliseconds.
const maxTook = 7 * 24 * 60 * 60 * 1000

// Took is for how many milliseconds the task ran according to the metadata, or nil.
func (e Entry) Took() *int64 {
	took, err := strconv.ParseUint(e.Metadata[metaTook], 10, 32)
	if err != nil || took > maxTook {
		return nil
	}
	return new(int64(took))
}

// Claim is the statement in the metadata. It is not verified: any writer may have made
// it. keyID is "" unless the entry has a signature.
func (e Entry) Claim() (statement trust.Statement, keyID string, err error) {
	if envelope := e.Metadata[metaEnvelope]; envelope != "" {
		opened, err := trust.Read(envelope)
		return opened.Statement, opened.KeyID, err
	}
	statement, err = trust.DecodeStatement(e.Metadata[metaStatement])
	return statement, "", err
}

// Verify returns the signed statement of an entry, if it is about this entry and an
// accepted key has signed it. The caller compares the exit code and the body with the
// statement. The error says which check failed.
func (e Entry) Verify(verifier *trust.Verifier) (trust.Statement, error) {
	opened, err := verifier.Verify(e.Metadata[metaEnvelope])
	if err != nil {
		return trust.Statement{}, err
	}
	signed := opened.Statement
	return signed, signed.Mismatch(trust.Statement{
		Hash: e.Hash, Scope: e.Scope, Prefix: e.Prefix,
		SHA256: e.Metadata[metaSHA256], Length: e.Size, Format: archive.Format,
		Code: signed.Code,
	})
}

// describe returns the metadata of an entry, signed if there is a signer.
func describe(statement trust.Statement, signer *trust.Signer) (Metadata, error) {
	metadata := Metadata{
		metaFormat: strconv.Itoa(statement.Format),
		metaLength: strconv.FormatInt(statement.Length, 10),
		metaSHA256: statement.SHA256,
	}
	if signer == nil {
		metadata[metaStatement] = statement.Encode()
		return metadata, nil
	}
	envelope, err := signer.Sign(statement)
	metadata[metaEnvelope] = envelope
	return metadata, err
}
