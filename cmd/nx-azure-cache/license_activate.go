package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

func newLicenseActivate(std stdio) *cobra.Command {
	var printOnly bool
	command := &cobra.Command{
		Use:   "activate [--print] LICENSE | -",
		Short: "Add a license to the workspace",
		Long: `Add a license to ` + license.File + ` in the workspace, if it is valid now or later.

Licenses in that file that are still valid stay, so you can add a renewal before the
old license ends. Others are removed. "-" reads the license from stdin. Commit the file
only if everyone who can read the repository may use the license. Otherwise keep
it out of the repository, and give CI the license as the secret
` + license.Variable + `.

The generator activate of the npm package does the same, and adds the folder of the file to
.gitignore.`,
		Example: `  npx nx-azure-cache license activate - < license.txt`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := newActivation(std, args[0], time.Now())
			if err != nil {
				return err
			}
			if printOnly {
				return a.print(std)
			}
			return a.write(std)
		},
	}
	command.Flags().BoolVar(&printOnly, "print", false, "print the new file on stdout instead of writing it")
	return command
}

// activation is a license that may be added to a file.
type activation struct {
	file    string
	license license.License
	content []byte
	dropped []license.License
}

// newActivation checks a license. The error says why it is rejected.
func newActivation(std stdio, text string, now time.Time) (activation, error) {
	document, err := config.ReadDocument(std.getenv)
	switch {
	case err != nil:
		return activation{}, err
	case document.Problem != "":
		return activation{}, errors.New(document.Problem)
	case document.WorkspaceRoot == "":
		return activation{}, errors.New("no Nx workspace here; run this with npx in a workspace")
	}
	source := "the argument"
	if text == "-" {
		source = "stdin"
		if text, err = readLicenses(std); err != nil {
			return activation{}, err
		}
	}
	keys, err := license.Issuers()
	if err != nil {
		return activation{}, err
	}
	use := license.Use{Now: now, NxMajor: license.NxMajor(document.NxVersion)}
	a := activation{file: filepath.Join(document.WorkspaceRoot, filepath.FromSlash(license.File))}
	a.license = license.Check(license.NewToken(text, source), keys, use)
	if a.license.Status != license.Valid && a.license.Status != license.NotYetValid {
		return activation{}, fmt.Errorf("%s; nothing was changed", a.license.Reason)
	}
	content, dropped, err := license.Edit(document.WorkspaceRoot, text, func(token license.Token) bool { return mayCount(license.Check(token, keys, use)) })
	if err != nil {
		return activation{}, fmt.Errorf("%w; nothing was changed", err)
	}
	a.content = content
	for _, token := range dropped {
		a.dropped = append(a.dropped, license.Check(token, keys, use))
	}
	return a, nil
}

// mayCount reports whether a license may be valid now, later, with another version of Nx,
// or with another release, which trusts other issuers.
func mayCount(l license.License) bool {
	switch l.Status {
	case license.Valid, license.NotYetValid, license.UnknownIssuer:
		return true
	default:
		return l.Status == license.Expired && l.PerpetualNxMajor > 0
	}
}

// print writes the content of the file to stdout, and the rest to stderr. A pipe gets
// every byte, comments included, because its output becomes the file.
func (a activation) print(std stdio) error {
	out := io.Writer(std.stdout)
	if !terminal.IsTerminal(out) {
		out = terminal.Raw(out)
	}
	_, err := out.Write(a.content)
	return errors.Join(err, a.report(std.stderr))
}

// write replaces the file in one step.
func (a activation) write(std stdio) error {
	if err := os.MkdirAll(filepath.Dir(a.file), 0o777); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(a.file), "license-*.ini")
	if err != nil {
		return err
	}
	_, err = io.Copy(temporary, bytes.NewReader(a.content))
	// All users of the workspace may read it: an image may build as another user.
	err = errors.Join(err, temporary.Chmod(a.mode()), temporary.Close())
	if err == nil {
		err = os.Rename(temporary.Name(), a.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	if err := a.report(std.stdout); err != nil {
		return err
	}
	return terminal.Printf(std.stdout, "Add %s to .gitignore, unless everyone who can read the repository may use the license.\n",
		path.Dir(license.File))
}

// mode returns the permissions of the existing file, or the usual ones.
func (a activation) mode() fs.FileMode {
	if info, err := os.Stat(a.file); err == nil {
		return info.Mode().Perm()
	}
	return 0o644
}

// report prints what was activated and what was removed.
func (a activation) report(out io.Writer) error {
	var lines terminal.Lines
	for _, l := range a.dropped {
		lines.Printf("removed: %s", l.Reason)
	}
	forGood := ""
	if major := a.license.PerpetualNxMajor; major > 0 {
		forGood = fmt.Sprintf(", and for good with Nx up to %d", major)
	}
	lines.Printf("activated: the license for %s, from %s until %s%s, in %s",
		a.license.Organization, terminal.Day(a.license.NotBefore), terminal.Day(a.license.ExpiresAt), forGood, license.File)
	_, err := lines.WriteTo(out)
	return err
}
