package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/table"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

func newLicense(std stdio) *cobra.Command {
	command := &cobra.Command{
		Use:   "license",
		Short: "Show and activate licenses",
		Long: `Show and activate licenses.

Licenses are read from ` + license.Variable + `, for CI, and from
` + license.File + ` in the workspace. Both may have several; the valid license
that ends last is used. Nothing is sent over the network.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newLicenseStatus(std), newLicenseActivate(std))
	return command
}

// statusFlags are the flags of license status.
type statusFlags struct{ json, stdin bool }

func newLicenseStatus(std stdio) *cobra.Command {
	var flags statusFlags
	command := &cobra.Command{
		Use:   "status [--stdin] [--json]",
		Short: "Show all licenses, and which one is used",
		Long: `Show which licenses were found and which one is used, but never a license itself.

Run it with npx in the workspace. The exit code is 0 if a license is valid here and
now, and 1 otherwise.

--json prints one object on one line:
  status     valid, absent, malformed, unknown-issuer, wrong-feature, not-yet-valid
             or expired
  reason     why no license is valid, and what to do; absent if one is
  warning    that the license in use expires within 14 days
  nxMajor    the major version of Nx for which licenses are checked; 0 if unknown
  used       the index in licenses of the one in use; -1 if there is none
  licenses   source (where it is), status, reason; and if its signature is valid:
             organization, issuer, keyId, id, notBefore, expiresAt,
             perpetualNxMajor (it never expires with Nx up to that version)`,
		Example: `  npx nx-azure-cache license status
  npx nx-azure-cache license status --stdin < license.txt`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return showLicenses(std, flags, time.Now()) },
	}
	command.Flags().BoolVar(&flags.stdin, "stdin", false, "check only the licenses on stdin")
	command.Flags().BoolVar(&flags.json, "json", false, "print one JSON object")
	return command
}

// showLicenses prints the status of the licenses of a workspace.
func showLicenses(std stdio, flags statusFlags, now time.Time) error {
	document, err := config.ReadDocument(std.getenv)
	if err != nil {
		return err
	}
	found := claims.New(document.Claims)
	warnOfClaims(std, found)
	tokens, err := tokensOf(std, flags, document.WorkspaceRoot, found)
	if err != nil {
		return err
	}
	choice, err := config.ChooseLicense(tokens, document.NxVersion, now)
	if err != nil {
		return err
	}
	s := licenseStatusOf(choice, now)
	s.NxMajor = license.NxMajor(document.NxVersion)
	if flags.json {
		err = terminal.JSON(std.stdout, s, "")
	} else {
		err = s.print(std.stdout, now)
		if err == nil {
			err = terminal.Printf(std.stdout, "%s", s.conclusion(flags.stdin))
		}
	}
	if err == nil && s.Status != license.Valid {
		err = exitFailed
	}
	return err
}

// tokensOf returns the licenses to check.
func tokensOf(std stdio, flags statusFlags, workspaceRoot string, found claims.Set) ([]license.Token, error) {
	if !flags.stdin {
		return license.Find(found.Over(std.getenv), workspaceRoot), nil
	}
	text, err := readLicenses(std)
	if err != nil {
		return nil, err
	}
	tokens := license.Split(text, "stdin")
	if len(tokens) == 0 {
		return nil, errors.New("stdin is empty; pass licenses separated by white space")
	}
	return tokens, nil
}

// readLicenses reads stdin.
func readLicenses(std stdio) (string, error) {
	const most = 1 << 20 // bytes
	text, err := io.ReadAll(io.LimitReader(std.stdin, most))
	return string(text), err
}

// licenseStatus is the JSON of license status.
type licenseStatus struct {
	Status   license.Status `json:"status"`
	Reason   string         `json:"reason,omitempty"`
	Warning  string         `json:"warning,omitempty"`
	NxMajor  int            `json:"nxMajor"`
	Used     int            `json:"used"`
	Licenses []licenseLine  `json:"licenses"`
}

// licenseLine is the JSON of one license.
type licenseLine struct {
	Source           string         `json:"source"`
	Status           license.Status `json:"status"`
	Reason           string         `json:"reason,omitempty"`
	Organization     string         `json:"organization,omitempty"`
	Issuer           string         `json:"issuer,omitempty"`
	KeyID            string         `json:"keyId,omitempty"`
	ID               string         `json:"id,omitempty"`
	NotBefore        time.Time      `json:"notBefore,omitzero"`
	ExpiresAt        time.Time      `json:"expiresAt,omitzero"`
	PerpetualNxMajor int            `json:"perpetualNxMajor,omitempty"`
}

func licenseStatusOf(choice license.Choice, now time.Time) licenseStatus {
	s := licenseStatus{Status: choice.Status, Reason: choice.Reason, Used: choice.Used, Licenses: []licenseLine{}}
	s.Warning, _ = choice.ExpiresSoon(now)
	for _, l := range choice.All {
		if l.Status == license.Absent {
			continue // no license was found
		}
		s.Licenses = append(s.Licenses, licenseLine{
			Source: l.Source, Status: l.Status, Reason: l.Reason,
			Organization: l.Organization, Issuer: l.Issuer, KeyID: l.KeyID, ID: l.ID,
			NotBefore: l.NotBefore, ExpiresAt: l.ExpiresAt, PerpetualNxMajor: l.PerpetualNxMajor,
		})
	}
	return s
}

// print prints a block of rows for each license.
func (s licenseStatus) print(out io.Writer, now time.Time) error {
	for i, l := range s.Licenses {
		status := string(l.Status)
		if i == s.Used {
			status += ", used"
		}
		rows := [][]string{{l.Source, status}}
		if l.KeyID != "" { // an issuer signed it
			rows = append(rows, []string{"  organization", l.Organization}, []string{"  issuer", l.Issuer}, []string{"  id", l.ID},
				[]string{"  from", terminal.Day(l.NotBefore)}, []string{"  until", fmt.Sprintf("%s (%s)", terminal.Day(l.ExpiresAt), license.Relative(l.ExpiresAt, now))})
		}
		if l.Reason != "" {
			rows = append(rows, []string{"  reason", l.Reason})
		}
		if l.PerpetualNxMajor > 0 {
			rows = append(rows, []string{"  for good with", fmt.Sprintf("Nx up to %d", l.PerpetualNxMajor)})
		}
		if err := table.Rows(out, rows...); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out); err != nil {
			return err
		}
	}
	return nil
}

// conclusion returns the last line. Licenses from stdin are not in use.
func (s licenseStatus) conclusion(asked bool) string {
	switch {
	case s.Status == license.Absent:
		return "The remote cache is off: " + s.Reason + "."
	case s.Status != license.Valid && asked:
		return "No license on stdin is valid here and now."
	case s.Status != license.Valid:
		return "The remote cache is off: no license is valid here and now."
	case asked:
		return "A license on stdin is valid here and now."
	case s.Warning != "":
		return "The remote cache is licensed, but " + s.Warning + "."
	default:
		return "The remote cache is licensed for " + s.Licenses[s.Used].Organization + "."
	}
}
