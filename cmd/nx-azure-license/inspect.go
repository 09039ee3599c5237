package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

func inspectCommand() *cobra.Command {
	var issuers string
	cmd := &cobra.Command{
		Use:   "inspect [TOKEN | -]",
		Short: "Show what a license says and whether it is valid",
		Long: `Show what a license says and whether it is valid, but never the license itself.

The license is the argument, or stdin without one. The exit code is 0 if it is valid,
and 1 otherwise.`,
		Example: `  nx-azure-license inspect < example.jwt
  nx-azure-license inspect --issuers issuers.json "$NX_POWERPACK_LICENSE"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, source, err := readToken(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			keys, err := readIssuers(issuers)
			if err != nil {
				return err
			}
			now := time.Now()
			found := license.Check(license.NewToken(text, source), keys, license.Use{Now: now})
			if err := show(cmd.OutOrStdout(), text, found, now); err != nil {
				return err
			}
			if found.Status != license.Valid {
				return fmt.Errorf("the license is not valid: %s", found.Status)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&issuers, "issuers", "", "JWKS `FILE` of the issuers to trust (default those of this build)")
	return cmd
}

// readToken returns the token and its source, for the sentence "the license in …".
func readToken(args []string, stdin io.Reader) (text, source string, err error) {
	if len(args) == 1 && args[0] != "-" {
		text, source = args[0], "the argument"
	} else {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return "", "", err
		}
		text, source = string(data), "stdin"
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return "", "", fmt.Errorf("%s is empty, want a license", source)
	}
	return text, source, nil
}

func readIssuers(path string) (license.KeySet, error) {
	if path == "" {
		return license.Issuers()
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return license.KeySet{}, err
	}
	keys, err := license.ParseKeySet(data)
	if err != nil {
		return license.KeySet{}, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// show prints the verdict and then what the token says, verified or not: people who
// inspect a license mostly want to know why it does not work.
func show(w io.Writer, text string, found license.License, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "status\t%s\n", found.Status)
	if found.Reason != "" {
		fmt.Fprintf(table, "reason\t%s\n", shown(found.Reason))
	}
	if warning, soon := found.ExpiresSoon(now); soon {
		fmt.Fprintf(table, "warning\t%s\n", warning)
	}
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(text, claims)
	if errors.Is(err, jwt.ErrTokenMalformed) {
		return table.Flush() // the reason says that
	}
	if found.KeyID == "" {
		fmt.Fprintln(table, "verified\tno: anyone could have written the following")
	}
	fmt.Fprintf(table, "kid\t%s\n", shown(token.Header["kid"]))
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		fmt.Fprintf(table, "%s\t%s%s\n", shown(name), shown(claims[name]), day(claims, name))
	}
	return table.Flush()
}

// day returns the readable form of a claim that is a time.
func day(claims jwt.MapClaims, name string) string {
	n, ok := claims[name].(json.Number)
	if !ok || !slices.Contains([]string{"exp", "iat", "nbf"}, name) {
		return ""
	}
	seconds, err := n.Int64()
	if err != nil {
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format(" (2006-01-02 15:04:05 UTC)")
}

// shown returns a claim that is safe on a terminal. The claims of an unverified license
// may contain anything.
func shown(v any) string {
	text, ok := v.(string)
	if !ok {
		data, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		text = string(data)
	}
	return printable.String(text)
}
