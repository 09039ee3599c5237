package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

func newKeys(std stdio) *cobra.Command {
	command := &cobra.Command{
		Use:   "keys",
		Short: "Make and show the keys that sign what trusted runs store",
		Long: `Make and show the keys that sign what trusted runs store.

If azure.trust.publicKeys in nx.json is set, readers use an entry of the trusted
scope only if one of those keys signed it. Keep the private key as a secret of the
jobs that run on trusted branches, in ` + trust.SigningKeyVariable + `.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newKeysGenerate(std), newKeysShow(std))
	return command
}

// toStdout is the file name that means stdin or stdout, as in other tools.
const toStdout = "-"

func newKeysGenerate(std stdio) *cobra.Command {
	var out string
	command := &cobra.Command{
		Use:   "generate --out FILE",
		Short: "Make a new key",
		Long: `Make a new Ed25519 key, in the format of openssl (PKCS #8, PEM). FILE must not exist;
"-" writes to stdout, for a pipe. The public key and the next steps go to stderr.

  nx-azure-cache keys generate --out - | gh secret set ` + trust.SigningKeyVariable + ` --env release`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key, err := trust.GenerateKey()
			if err != nil {
				return err
			}
			if err := writeKey(std, out, key); err != nil {
				return err
			}
			_, err = fmt.Fprintf(std.stderr, `key ID      %s
public key  %s

1. Save the private key as a secret that only jobs of trusted branches can read, in
   the variable %s (%[4]s).
2. Add the public key to nx.json: "azure": { "trust": { "publicKeys": ["%[2]s"] } }
`, key.Public().ID(), key.Public(), trust.SigningKeyVariable, diagnostic.Page("security/setup.md#signatures"))
			return err
		},
	}
	command.Flags().StringVar(&out, "out", "", `file for the private key, or "-"`)
	_ = command.MarkFlagRequired("out") // the flag exists
	return command
}

// writeKey writes a private key that only this user can read.
func writeKey(std stdio, path string, key trust.PrivateKey) error {
	if path == toStdout {
		_, err := std.stdout.Write(key.PEM())
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(key.PEM())
	return errors.Join(err, f.Close())
}

func newKeysShow(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "show [FILE]",
		Short: "Show the public key and the ID of a key",
		Long: `Show the public key and the ID of a key: of the private or public key in FILE ("-"
reads stdin), or of the private key in ` + trust.SigningKeyVariable + `. It never
shows the private key.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := keyToShow(std, args)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(std.stdout, "key ID      %s\npublic key  %s\n", public.ID(), public)
			return err
		},
	}
}

func keyToShow(std stdio, args []string) (trust.PublicKey, error) {
	if len(args) == 0 {
		key, ok, err := trust.SigningKey(std.getenv)
		if err == nil && !ok {
			if document, err := config.ReadDocument(std.getenv); err == nil {
				warnOfClaims(std, claims.New(document.Claims)) // a claim may be why the key is missing
			}
			err = fmt.Errorf("no key to show: name a file, or set %s", trust.SigningKeyVariable)
		}
		if err != nil {
			return trust.PublicKey{}, err
		}
		return key.Public(), nil
	}
	text, err := readKey(std, args[0])
	if err != nil {
		return trust.PublicKey{}, err
	}
	if key, err := trust.ParsePrivateKey(text); err == nil {
		return key.Public(), nil
	}
	public, err := trust.ParsePublicKey(text)
	if err != nil {
		return trust.PublicKey{}, fmt.Errorf("%s holds no Ed25519 key, neither a private nor a public one", args[0])
	}
	return public, nil
}

// maxKey is the most bytes that a file with a key may have.
const maxKey = 16 << 10

func readKey(std stdio, path string) (string, error) {
	in := io.Reader(std.stdin)
	if path != toStdout {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close() // reading only: nothing is lost
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxKey))
	return string(text), err
}
