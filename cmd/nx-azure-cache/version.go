package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newVersion(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			// The same line as --version, which cobra formats. A template of our own would
			// link text/template: 3 MB.
			_, err := fmt.Fprintln(std.stdout, "nx-azure-cache version", version)
			return err
		},
	}
}
