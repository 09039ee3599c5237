package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const lsHelp = `List the entries of the remote cache: one line each, with the scope, the task
hash, the size, when the storage has written it, what its signature is worth, and
where it says that it comes from (repository, ref, commit, run).

Signatures are
  valid:KEY      signed with a key of azure.trust.publicKeys, and about this entry
  invalid:KEY    a check has failed; nx-azure-cache inspect HASH says which
  unchecked:KEY  signed, and there are no azure.trust.publicKeys to check it with
  unsigned       what the line says of the origin is the writer's word
` + selectionHelp + `

--json prints one object per line: url, scope, hash, size, modified, etag, format,
sha256, signature (state, key, problem), proven (a valid signature covers what
follows), code, provenance (repository, ref, commit, run, tool, time).

The number of entries goes to stderr. The exit code is 0 also where there are none.
Listing needs the right to list: a role with blobs/read, or a SAS with sp=rl.
` + workspaceHelp

const lsExamples = `  npx nx-azure-cache ls --scope trusted --after 2h
  npx nx-azure-cache ls --scope 'pr-*' --before 30d --json
  npx nx-azure-cache ls --run 17654321 --limit 20
  nx-azure-cache ls --container nxcache --account-name acme --scope trusted`

// lsOptions are the flags of ls.
type lsOptions struct {
	workspace config.Overrides
	selection selectionFlags
	json      bool
	limit     int
	flush     bool // somebody looks at each line
}

func newLs(w world) *cobra.Command {
	var options lsOptions
	command := &cobra.Command{
		Use:     "ls",
		Short:   "List the entries of the cache",
		Long:    lsHelp,
		Example: lsExamples,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return interruptible(cmd, func(ctx context.Context) error { return ls(ctx, w, options) })
		},
	}
	addWorkspaceFlags(command, &options.workspace)
	options.selection.add(command)
	command.Flags().BoolVar(&options.json, "json", false, "print JSON, one object per line")
	command.Flags().IntVar(&options.limit, "limit", 0, "stop after so many entries; 0: never")
	return command
}

// interruptible runs a command of people until Ctrl-C.
func interruptible(cmd *cobra.Command, run func(context.Context) error) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
	defer stop()
	return run(ctx)
}

func ls(ctx context.Context, w world, options lsOptions) error {
	if options.limit < 0 {
		return fmt.Errorf("--limit is %d; it is a number of entries, or 0 for all", options.limit)
	}
	selected, err := options.selection.parse(time.Now())
	if err != nil {
		return err
	}
	shelf, err := openWorkspaceShelf(w, &options.workspace)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w.stdout, 64<<10)
	options.flush = terminal.IsTerminal(w.stdout)
	tally := newTally(w.stderr)
	err = list(ctx, shelf, selected, options, tally, out)
	tally.clear()
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	if err != nil {
		return err
	}
	if options.limit > 0 && tally.matched == options.limit {
		tally.end("the first %s, %s, in %s", entryCount(tally.matched), terminal.Size(tally.bytes), shelf)
	} else {
		tally.end("%s of %s, %s, in %s", terminal.Thousands(tally.matched), entryCount(tally.seen), terminal.Size(tally.bytes), shelf)
	}
	return nil
}

func list(ctx context.Context, shelf *shelf, selected selection, options lsOptions, tally *tally, out *bufio.Writer) error {
	for e, err := range shelf.walk(ctx, selected.scopes, selected.hashes, tally.other) {
		if err != nil {
			return err
		}
		matches := selected.matches(e)
		tally.see(e, matches)
		if !matches {
			continue
		}
		tally.clear()
		if err := writeEntry(out, e, options.json, tally.matched == 1); err != nil {
			return err
		}
		if options.flush {
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if tally.matched == options.limit {
			return nil
		}
	}
	return nil
}

// lsColumns is the form of a line for people.
const lsColumns = "%-12s  %-20s  %9s  %-20s  %-26s  %s\n"

func writeEntry(out io.Writer, e *entry, asJSON, first bool) error {
	if asJSON {
		return terminal.JSON(out, e.line(), "")
	}
	if first {
		if _, err := fmt.Fprintf(out, lsColumns, "SCOPE", "HASH", "SIZE", "WRITTEN", "SIGNATURE", "REPOSITORY  REF  COMMIT  RUN"); err != nil {
			return err
		}
	}
	proof := e.signature.State
	if e.signature.Key != "" {
		proof += ":" + e.signature.Key
	}
	if e.isArchived() {
		proof += " (archived)"
	}
	from := e.provenance()
	var origin []string
	for _, text := range []string{from.Repository, from.Ref, fmt.Sprintf("%.12s", from.Commit), from.Run} {
		origin = append(origin, cmp.Or(text, "-"))
	}
	_, err := fmt.Fprintf(out, lsColumns, printable.String(string(e.Scope)), e.Hash, terminal.Size(e.Size), e.modified.UTC().Format(time.RFC3339),
		printable.String(proof), printable.String(strings.Join(origin, "  ")))
	return err
}
