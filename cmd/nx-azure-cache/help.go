package main

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/usage"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/explanation"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/docs"
)

// codeLike matches what someone typed as a code. No command has such a name.
var codeLike = regexp.MustCompile(`(?i)^(nxac)?-?([0-9]{1,4})$`)

// newHelp returns the command help, which also explains the codes of lines.
func newHelp(std stdio) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | CODE]",
		Short: "Help about a command, or about the code of a line",
		Long: `Help about a command, or about the code at the end of a line, such as NXAC012. It prints
what the page about troubleshooting says about the code, without the network.`,
		Example: `  npx nx-azure-cache help doctor
  npx nx-azure-cache help NXAC012`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && codeLike.MatchString(args[0]) {
				return explainCode(std, args[0])
			}
			found, _, err := cmd.Root().Find(args)
			if err != nil || found == nil {
				return usage.Wrong(fmt.Errorf("help: there is no command %q; a code is such as NXAC012", printable.Short(strings.Join(args, " "), 80)))
			}
			found.InitDefaultHelpFlag()
			found.InitDefaultVersionFlag()
			return found.Help()
		},
	}
}

// explainCode prints the section about a code.
func explainCode(std stdio, typed string) error {
	digits := codeLike.FindStringSubmatch(typed)[2]
	code := diagnostic.Code("NXAC" + strings.Repeat("0", max(0, 3-len(digits))) + digits)
	page := explanation.Page(docs.Troubleshooting)
	if section := page.Section(code); section != "" {
		_, err := fmt.Fprintf(std.stdout, "%s\n\n%s\n", section, diagnostic.URL(code))
		return err
	}
	var lines terminal.Lines
	lines.Printf("nx-azure-cache: help: there is no code %s; all codes are in %s", code, diagnostic.Page("troubleshooting.md"))
	if near := page.Near(string(code), 6); len(near) > 0 {
		lines.Printf("Did you mean one of these?")
		for _, other := range near {
			lines.Printf("  %s  %s", other, page.Title(other))
		}
	}
	if _, err := lines.WriteTo(std.stderr); err != nil {
		return err
	}
	return exitCode(usage.ExitCode)
}
