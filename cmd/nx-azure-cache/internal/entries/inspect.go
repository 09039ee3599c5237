package entries

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
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
	Limit  int  // of the entries of a task, the newest; 0 means all
	// LastRun marks the entries of the last run of Nx here.
	LastRun LastRun
}

// Inspect shows all that is known of the entries of a hash, or of the newest entries of a
// task. It returns an error if there are none, or if a body does not match its metadata.
func (inv *Inventory) Inspect(ctx context.Context, out, stderr io.Writer, selected Selection, options InspectOptions) error {
	i := inspector{out: out, options: options}
	ofTask := len(selected.tasks) > 0
	newest := best[*entry]{most: options.Limit, before: func(a, b **entry) bool { return (*a).modified.After((*b).modified) }}
	progress := newProgress(stderr)
	unnamed := 0
	missing := options.LastRun.of(selected)
	for e, err := range inv.walk(ctx, selected.scopes, selected.hashes, progress.other) {
		if err != nil {
			progress.live.Clear()
			return err
		}
		matches := selected.matches(e)
		progress.see(e, matches)
		delete(missing, e.Hash)
		switch {
		case !matches && e.provenance().Task == "":
			unnamed++
		case matches && ofTask && options.Limit > 0:
			newest.add(e)
		case matches:
			progress.live.Clear()
			if err := i.show(ctx, e); err != nil {
				return err
			}
		}
	}
	progress.live.Clear()
	for _, e := range newest.sorted() {
		if err := i.show(ctx, e); err != nil {
			return err
		}
	}
	if rest := progress.matched - i.shown; rest > 0 {
		_ = terminal.Printf(stderr, "nx-azure-cache: shown are the newest %s of %s; --limit 0 shows all, and ls lists them", terminal.Thousands(i.shown), entryCount(progress.matched))
	}
	for _, hash := range slices.Sorted(maps.Keys(missing))[:min(len(missing), shownNames)] {
		_ = terminal.Printf(stderr, "nx-azure-cache: the last run of Nx here computed the hash %s for %s, which has no entry in %s", hash, missing[hash], selected.where())
	}
	if rest := len(missing) - shownNames; rest > 0 {
		_ = terminal.Printf(stderr, "nx-azure-cache: and %s without an entry", terminal.Count(rest, "more hash", "more hashes"))
	}
	switch {
	case i.shown == 0:
		return inv.notFound(selected, unnamed)
	case i.wrong > 0:
		return fmt.Errorf("%s", terminal.Count(i.wrong, "body does not match its metadata", "bodies do not match their metadata"))
	default:
		return nil
	}
}

// notFound is the error for a hash or a task without an entry. unnamed is how many entries
// name no task.
func (inv *Inventory) notFound(selected Selection, unnamed int) error {
	hint := ""
	switch {
	case unnamed > 0:
		hint = fmt.Sprintf("; %s no task, because an earlier version stored them", terminal.Count(unnamed, "entry names", "entries name"))
	case len(selected.tasks) == 0 && strings.Trim(selected.hashes[0], "0123456789") != "":
		hint = "; to find the entries of a task, use PROJECT:TARGET"
	}
	return fmt.Errorf("no entry %s in %s of %s%s", selected.what(), selected.where(), inv, hint)
}

// inspector shows entries.
type inspector struct {
	out          io.Writer
	options      InspectOptions
	shown, wrong int
}

func (i *inspector) show(ctx context.Context, e *entry) error {
	body := ""
	if i.options.Verify {
		body = verifyBody(ctx, e)
		if body != bodyVerified {
			i.wrong++
		}
	}
	i.shown++
	line := e.line()
	line.Body = body
	_, line.LastRun = i.options.LastRun[e.Hash]
	if i.options.JSON {
		return terminal.JSON(i.out, line, "")
	}
	return writeInspected(i.out, line, i.shown > 1)
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

func writeInspected(out io.Writer, line EntryLine, more bool) error {
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
	if line.LastRun {
		row("last run", "Nx computed this hash in its last run here")
	}
	row("size", fmt.Sprintf("%s bytes", terminal.Thousands(int(line.Size))))
	row("written", line.Modified.Format(time.RFC3339))
	row("etag", line.ETag)
	if line.Archived {
		row("tier", "Archive: it cannot be read and counts as a miss")
	}
	row("format", cmp.Or(line.Format, "missing"))
	row("sha256", cmp.Or(line.SHA256, "missing"))
	row("body", line.Body)
	row("signature", describeSignature(line.Signature))
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
	row("  task", from.Task)
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
