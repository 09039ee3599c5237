package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// order holds the flags of issue.
type order struct {
	key        string // file
	org        string
	id         string
	days       int
	expires    string // date, or "" for days
	notBefore  string // date, or "" for now
	features   []string
	seats      int
	workspaces int
	perpetual  int // major version of Nx
}

func issueCommand() *cobra.Command {
	var o order
	cmd := &cobra.Command{
		Use:   "issue --key FILE --org NAME",
		Short: "Sign a license and print it",
		Long: `Sign a license and print only the license to stdout.

Dates are days in UTC. For a license that is valid only in the past or the future,
this command prints a warning on stderr; tests use such licenses.`,
		Example: `  nx-azure-license issue --key 2026-a.jwk.json --org "Example GmbH" --days 365
  nx-azure-license issue --key 2026-a.jwk.json --org "Example GmbH" --expires 2027-12-31 --seats 50 --workspaces 3
  nx-azure-license issue --key 2026-a.jwk.json --org "Example GmbH" --days 365 --perpetual-nx-major 24
  NX_POWERPACK_LICENSE=$(nx-azure-license issue --key testdata/license/development.private.jwk.json --org me --days 1)`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("days") && cmd.Flags().Changed("expires") {
				return usage.Wrong(errors.New("--days and --expires are two ways to say the same; use one of them"))
			}
			return issue(o, time.Now().UTC(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.key, "key", "", "`FILE` with the private key, from keygen")
	f.StringVar(&o.org, "org", "", "`NAME` of the organization that the license is for")
	f.IntVar(&o.days, "days", 365, "make it valid for `N` days")
	f.StringVar(&o.expires, "expires", "", "make it valid until the end of the day `YYYY-MM-DD`")
	f.StringVar(&o.notBefore, "not-before", "", "make it valid from the start of the day `YYYY-MM-DD` (default now)")
	f.StringSliceVar(&o.features, "features", []string{license.Feature}, "comma-separated `LIST` of features that it is for")
	f.IntVar(&o.seats, "seats", 0, "licensed for `N` people; not enforced")
	f.IntVar(&o.workspaces, "workspaces", 0, "licensed for `N` workspaces; not enforced")
	f.IntVar(&o.perpetual, "perpetual-nx-major", 0, "with Nx up to major version `N`, it never expires")
	f.StringVar(&o.id, "id", "", "`ID` of the license (default random)")
	require(cmd, "key", "org")
	return cmd
}

// claims are the claims of a license, as package license reads them.
type claims struct {
	jwt.RegisteredClaims
	Organization string   `json:"org"`
	Features     []string `json:"features"`
	Seats        int      `json:"seats,omitempty"`
	Workspaces   int      `json:"workspaces,omitempty"`

	PerpetualNxMajor int `json:"perpetualNxMajor,omitempty"`
}

func issue(o order, now time.Time, stdout, stderr io.Writer) error {
	license, err := o.claims(now)
	if err != nil {
		return usage.Wrong(err)
	}
	key, err := readKey(o.key)
	if err != nil {
		return err
	}
	license.Issuer = key.Issuer
	text, err := sign(license, key)
	if err != nil {
		return err
	}
	if err := proofread(text, key, now, stderr); err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}

// claims returns the claims for the flags, or all problems of the flags.
func (o order) claims(now time.Time) (claims, error) {
	start, startErr := date("not-before", o.notBefore, now)
	end, endErr := o.end(start)
	errs := []error{startErr, endErr}
	if startErr == nil && endErr == nil && !end.After(start) {
		errs = append(errs, fmt.Errorf("--expires %s is before the license starts, on %s", o.expires, start.Format(time.DateOnly)))
	}
	if o.org == "" {
		errs = append(errs, errors.New("--org is empty: name the organization that the license is for"))
	}
	if o.seats < 0 || o.workspaces < 0 || o.perpetual < 0 {
		errs = append(errs, errors.New("--seats, --workspaces and --perpetual-nx-major cannot be negative"))
	}
	return claims{
		RegisteredClaims: jwt.RegisteredClaims{
			ID:        cmp.Or(o.id, rand.Text()),
			IssuedAt:  jwt.NewNumericDate(now),
			NotBefore: jwt.NewNumericDate(start),
			ExpiresAt: jwt.NewNumericDate(end),
		},
		Organization: o.org,
		Features:     o.features,
		Seats:        o.seats,
		Workspaces:   o.workspaces,

		PerpetualNxMajor: o.perpetual,
	}, errors.Join(errs...)
}

// end returns when the license expires.
func (o order) end(start time.Time) (time.Time, error) {
	if o.expires == "" {
		if o.days < 1 {
			return time.Time{}, fmt.Errorf("--days %d: a license is valid for at least one day; use --expires for one in the past", o.days)
		}
		return start.AddDate(0, 0, o.days), nil
	}
	day, err := date("expires", o.expires, time.Time{})
	// The last second of the day rather than the first of the next, so that messages show
	// the requested day.
	return day.AddDate(0, 0, 1).Add(-time.Second), err
}

// date parses the value of a flag, or returns unset if there is none.
func date(flag, value string, unset time.Time) (time.Time, error) {
	if value == "" {
		return unset, nil
	}
	t, err := time.Parse(time.DateOnly, value)
	if err != nil {
		return time.Time{}, fmt.Errorf("--%s %q is not a date such as 2027-12-31", flag, value)
	}
	return t, nil
}

func sign(license claims, key privateKey) (string, error) {
	signer, err := key.signer()
	if err != nil {
		return "", err
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, license)
	token.Header["kid"] = key.KeyID
	return token.SignedString(signer)
}

// proofread reads the license as its user's machine will. It warns about a license that
// does not work today, and rejects one that never will.
func proofread(text string, key privateKey, now time.Time, stderr io.Writer) error {
	keys, err := key.keySet()
	if err != nil {
		return err
	}
	checked := license.Check(license.NewToken(text, "stdout"), keys, license.Use{Now: now})
	switch checked.Status {
	case license.Valid:
		return nil
	case license.NotYetValid, license.Expired, license.WrongFeature:
		_, err := fmt.Fprintln(stderr, "warning:", checked.Reason)
		return err
	default:
		return errors.New(checked.Reason)
	}
}
