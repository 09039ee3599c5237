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
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/table"
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
func show(w io.Writer, encoded string, found license.License, now time.Time) error {
	rows := [][]string{{"status", string(found.Status)}}
	add := func(name, value string) { rows = append(rows, []string{name, value}) }
	if found.Reason != "" {
		add("reason", found.Reason)
	}
	if warning, soon := found.ExpiresSoon(now); soon {
		add("warning", warning)
	}
	claims := jwt.MapClaims{}
	token, _, err := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(encoded, claims)
	if errors.Is(err, jwt.ErrTokenMalformed) {
		return table.Rows(w, rows...) // the reason says that
	}
	if found.KeyID == "" {
		add("verified", "no: anyone could have written the following")
	}
	add("kid", text(token.Header["kid"]))
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		add(name, text(claims[name])+day(claims, name))
	}
	return table.Rows(w, rows...)
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

// text returns a claim as a string. An unverified license may contain anything, so a table
// makes it safe to show.
func text(claim any) string {
	if s, ok := claim.(string); ok {
		return s
	}
	data, err := json.Marshal(claim)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
