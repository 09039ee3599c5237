package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

func keygenCommand() *cobra.Command {
	var kid, issuer, out string
	cmd := &cobra.Command{
		Use:   "keygen --kid ID --issuer ISSUER --out FILE",
		Short: "Make a key, and print the issuers file of a release",
		Long: `Make an Ed25519 key that signs licenses.

The private key goes to FILE, which only its owner can read and which is never
overwritten. The public key goes to stdout as a JWKS, which is the issuers file for
building a release. To rotate a key, put the keys of two such files into one.`,
		Example: `  nx-azure-license keygen --kid 2026-a --issuer https://licenses.example.com --out 2026-a.jwk.json > issuers.json`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := generateKey(kid, issuer)
			if err != nil {
				return err
			}
			public, err := key.jwks()
			if err != nil {
				return err
			}
			if err := writeKey(out, key); err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(public)
			return err
		},
	}
	cmd.Flags().StringVar(&kid, "kid", "", "`ID` of the key, unique among all keys of a release")
	cmd.Flags().StringVar(&issuer, "issuer", "", "`ISSUER` that signs with the key, a URL or a name that users can ask for a renewal")
	cmd.Flags().StringVar(&out, "out", "", "`FILE` for the private key")
	require(cmd, "kid", "issuer", "out")
	return cmd
}

// writeKey creates the file at path. An existing file may be the only copy of a key, so it
// is never overwritten.
func writeKey(path string, key privateKey) error {
	data, err := indent(key)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already and may be the only copy of a key: choose another --out", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// require makes flags mandatory.
func require(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic("nx-azure-license: internal error: " + err.Error())
		}
	}
}
