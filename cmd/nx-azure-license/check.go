package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func checkIssuersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check-issuers FILE",
		Short: "Check that a release can be built with the issuers in FILE",
		Long: `Check that a release can be built with the issuers in FILE, a JWKS as keygen prints it.
The build runs this check, because a binary with unreadable issuers would turn the
cache off for all users.`,
		Example: `  nx-azure-license check-issuers issuers.json`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := readIssuers(args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), args[0], "is usable")
			return err
		},
	}
}
