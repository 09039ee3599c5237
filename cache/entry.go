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
	metaEnvelope  = "dsse"      // the same of one that is, in its envelope
)

// Entry is a stored result, as far as its blob's name, size and metadata tell.
type Entry struct {
	Prefix   string // of the configuration
	Scope    trust.Scope
	Hash     string
	Size     int64 // bytes of the body
	Metadata Metadata
}

// IsSigned reports whether the entry has a signature, whatever that is worth.
func (e Entry) IsSigned() bool { return e.Metadata[metaEnvelope] != "" }

// Format and SHA256 are what the metadata say of the body, or "".
func (e Entry) Format() string { return e.Metadata[metaFormat] }

// SHA256 is hexadecimal.
func (e Entry) SHA256() string { return e.Metadata[metaSHA256] }

// Claim is what an entry says of itself, which anybody may have written. The key's
// ID is "" unless it says that it is signed.
func (e Entry) Claim() (statement trust.Statement, keyID string, err error) {
	if envelope := e.Metadata[metaEnvelope]; envelope != "" {
		opened, err := trust.Read(envelope)
		return opened.Statement, opened.KeyID, err
	}
	statement, err = trust.DecodeStatement(e.Metadata[metaStatement])
	return statement, "", err
}

// Verify returns what is signed of an entry, if that is about this entry and
// signed with a key that counts. The exit code and the body itself remain to be
// compared with it. The error says which check has failed.
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

// describe is the metadata of an entry, signed if there is a signer.
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
