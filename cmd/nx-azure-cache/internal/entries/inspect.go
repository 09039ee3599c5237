package entries

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// InspectOptions are how entries are shown.
type InspectOptions struct {
	JSON   bool // one object per line
	Verify bool // read the body and compare it
}

// Inspect shows all that is known of the entries of a hash. It returns an error if there
// are none, or if a body does not match its metadata.
func (inv *Inventory) Inspect(ctx context.Context, out io.Writer, selected Selection, options InspectOptions) error {
	found, wrong := 0, 0
	for e, err := range inv.walk(ctx, selected.scopes, selected.hashes, func() {}) {
		if err != nil {
			return err
		}
		body := ""
		if options.Verify {
			body = verifyBody(ctx, e)
			if body != bodyVerified {
				wrong++
			}
		}
		if err := writeInspected(out, e, body, options.JSON, found > 0); err != nil {
			return err
		}
		found++
	}
	switch {
	case found == 0 && len(selected.scopes) > 0:
		return fmt.Errorf("no entry %s in %s of %s", selected.hashes[0], strings.Join(selected.scopes, ", "), inv)
	case found == 0:
		return fmt.Errorf("no entry %s in any scope of %s", selected.hashes[0], inv)
	case wrong > 0:
		return fmt.Errorf("%s", terminal.Count(wrong, "body does not match its metadata", "bodies do not match their metadata"))
	default:
		return nil
	}
}

// bodyVerified is the result for a body that matches its metadata.
const bodyVerified = "verified"

// verifyBody reads a body and returns what is wrong with it, or bodyVerified.
func verifyBody(ctx context.Context, e *entry) string {
	blob, err := e.container.Get(ctx, e.name)
	if errors.Is(err, cache.ErrNotFound) {
		return "it no longer exists"
	}
	if err != nil {
		return err.Error()
	}
	defer blob.Body.Close() // reading only: nothing is lost
	if blob.ETag != e.etag {
		return "it was replaced meanwhile: inspect it again"
	}
	digest := sha256.New()
	length, err := io.Copy(digest, blob.Body)
	got := hex.EncodeToString(digest.Sum(nil))
	switch {
	case err != nil:
		return err.Error()
	case length != e.Size:
		return fmt.Sprintf("it has %d bytes, but the storage reports %d", length, e.Size)
	case got != e.SHA256():
		return fmt.Sprintf("its SHA-256 is %s, its metadata says %q", got, e.SHA256())
	default:
		return bodyVerified
	}
}

func writeInspected(out io.Writer, e *entry, body string, asJSON, more bool) error {
	line := e.line()
	if asJSON {
		line.Body = body
		return terminal.JSON(out, line, "")
	}
	var lines terminal.Lines
	if more {
		lines.Printf("")
	}
	lines.Printf("%s", line.URL)
	row := func(name, value string) {
		if value != "" {
			lines.Printf("  %-12s %s", name, value)
		}
	}
	row("scope", line.Scope)
	row("size", fmt.Sprintf("%s bytes", terminal.Thousands(int(line.Size))))
	row("written", line.Modified.Format(time.RFC3339))
	row("etag", line.ETag)
	if line.Archived {
		row("tier", "Archive: it cannot be read and counts as a miss")
	}
	row("format", cmp.Or(line.Format, "missing"))
	row("sha256", cmp.Or(line.SHA256, "missing"))
	row("body", body)
	row("signature", describeSignature(e.signature))
	switch {
	case line.Provenance == nil:
		row("origin", "unknown")
		_, err := lines.WriteTo(out)
		return err
	case line.Proven:
		row("origin", "proven by the signature:")
	default:
		row("origin", "claimed, not proven:")
	}
	from := *line.Provenance
	row("  repository", from.Repository)
	row("  ref", from.Ref)
	row("  commit", from.Commit)
	row("  run", from.Run)
	row("  tool", from.Tool)
	if !from.Time.IsZero() {
		row("  time", from.Time.UTC().Format(time.RFC3339))
	}
	row("  exit code", strconv.Itoa(*line.Code))
	_, err := lines.WriteTo(out)
	return err
}

func describeSignature(s Signature) string {
	switch s.State {
	case SignatureValid:
		return "valid, signed with the key " + s.Key
	case SignatureInvalid:
		return "invalid: " + s.Problem
	case signatureUnchecked:
		if s.Problem != "" {
			return "unchecked: " + s.Problem
		}
		return "unchecked: signed with the key " + s.Key + ", but azure.trust.publicKeys is not set"
	default:
		return "none"
	}
}
