package main

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

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const inspectHelp = `Show all entries of a task hash: in every scope, in every container of
azure.trust.containers, or in those of --scope only. Nx shows the hash of a task
with NX_VERBOSE_LOGGING=true, nx-azure-cache ls lists those that are stored.

Of each entry it shows what the storage knows (size, time, ETag), what is stored
beside it (format, SHA-256), what its signature is worth, and where it comes from.
An origin is proven only by a valid signature; otherwise it is a claim of whoever
could write there.

--verify reads each body and compares it with the length and the SHA-256 stored
beside it, which a valid signature covers.

The exit code is 1 where nothing is found, and with --verify where a body is not
what it should be, or cannot be read. --json prints one object per line, as
nx-azure-cache ls does; with --verify, body is "verified" or says what is wrong.
Finding all scopes needs the right to list; with --scope, the right to read is
enough.
` + workspaceHelp

const inspectExamples = `  npx nx-azure-cache inspect 3141592653589793238
  npx nx-azure-cache inspect 3141592653589793238 --scope trusted --verify --json`

// inspectOptions are the flags of inspect.
type inspectOptions struct {
	workspace config.Overrides
	scopes    []string
	json      bool
	verify    bool
}

func newInspect(w world) *cobra.Command {
	var options inspectOptions
	command := &cobra.Command{
		Use:     "inspect HASH",
		Short:   "Show all entries of a task hash: origin, signature, sizes",
		Long:    inspectHelp,
		Example: inspectExamples,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return interruptible(cmd, func(ctx context.Context) error { return inspect(ctx, w, args[0], options) })
		},
	}
	addWorkspaceFlags(command, &options.workspace)
	flags := command.Flags()
	flags.StringArrayVar(&options.scopes, "scope", nil, `in this scope, or in all that a pattern such as "pr-*" matches; may be given several times`)
	flags.BoolVar(&options.json, "json", false, "print JSON, one object per line")
	flags.BoolVar(&options.verify, "verify", false, "read each body and compare it with its SHA-256")
	return command
}

func inspect(ctx context.Context, w world, hash string, options inspectOptions) error {
	selected, err := selectionFlags{hashes: []string{hash}, scopes: options.scopes}.parse(time.Now())
	if err != nil {
		return err
	}
	shelf, err := openWorkspaceShelf(w, &options.workspace)
	if err != nil {
		return err
	}
	found, wrong := 0, 0
	for e, err := range shelf.walk(ctx, selected.scopes, selected.hashes, func() {}) {
		if err != nil {
			return err
		}
		body := ""
		if options.verify {
			body = verifyBody(ctx, e)
			if body != bodyVerified {
				wrong++
			}
		}
		if err := writeInspected(w.stdout, e, body, options.json, found > 0); err != nil {
			return err
		}
		found++
	}
	switch {
	case found == 0 && len(options.scopes) > 0:
		return fmt.Errorf("there is no entry %s in %s of %s", hash, strings.Join(options.scopes, ", "), shelf)
	case found == 0:
		return fmt.Errorf("there is no entry %s in any scope of %s", hash, shelf)
	case wrong > 0:
		return fmt.Errorf("%s", terminal.Count(wrong, "body is not what it should be", "bodies are not what they should be"))
	default:
		return nil
	}
}

// bodyVerified is what is said of a body that is what its metadata say.
const bodyVerified = "verified"

// verifyBody reads a body and says what it is.
func verifyBody(ctx context.Context, e *entry) string {
	blob, err := e.container.Get(ctx, e.name)
	if errors.Is(err, cache.ErrNotFound) {
		return "it is gone"
	}
	if err != nil {
		return err.Error()
	}
	defer blob.Body.Close() // read to its end or given up: nothing is lost
	if blob.ETag != e.etag {
		return "it is another one now: inspect it again"
	}
	digest := sha256.New()
	length, err := io.Copy(digest, blob.Body)
	got := hex.EncodeToString(digest.Sum(nil))
	switch {
	case err != nil:
		return err.Error()
	case length != e.Size:
		return fmt.Sprintf("it has %d bytes, the storage says %d", length, e.Size)
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
		row("tier", "Archive: it cannot be read, and counts as a miss")
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

func describeSignature(s signature) string {
	switch s.State {
	case signatureValid:
		return "valid, by the key " + s.Key
	case signatureInvalid:
		return "invalid: " + s.Problem
	case signatureUnchecked:
		if s.Problem != "" {
			return "unchecked: " + s.Problem
		}
		return "unchecked: it names the key " + s.Key + ", and there are no azure.trust.publicKeys"
	default:
		return "none"
	}
}
