package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

func newConfig(std stdio) *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newConfigCheck(std))
	return command
}

const configCheckHelp = `Check the "azure" block of nx.json together with the environment, and print every
problem. Nothing is sent over the network, no license is needed, and no secret is
printed. Run it with npx in the workspace.

--stdin checks a proposed block instead: a JSON object on stdin, as it would stand in
nx.json. The generator init does that before it writes nx.json.

The exit code is 0 if the cache can be used with this configuration, and 1 if a
problem is an error.

--json prints one object on one line:
  valid           true if no problem is an error
  mode            of this run: read-write, read-only or no-cache
  container       the container that will be used; "" if none is named
  credential      the sign-in that will be used: connection-string, sas, or a value of
                  azure.credential; "" is the first source of Entra ID that works
  credentialFrom  what names the sign-in: azure.credential or a variable; or ""
  accountFrom     what names the storage account: azure.accountName, azure.endpoint or
                  a variable; or ""
  problems        all problems, errors first. Each has
    key           the key of nx.json, such as azure.container or azure.timeouts.drain
                  ("azure" is the block itself), or the name of a variable
    level         error: no run can use the cache; warning: it works, but not as written
    kind          missing, invalid, unknown-key, ignored or other
    seen          the value, quoted, or its type or length if it may be a secret; or ""
    allowed       what is allowed; or ""
    fix           how to fix it; or ""
    message       the whole sentence, safe to show on a terminal
    diagnostic    its code, which "nx-azure-cache help CODE" explains`

// configCheckFlags are the flags of config check.
type configCheckFlags struct{ json, stdin bool }

func newConfigCheck(std stdio) *cobra.Command {
	var flags configCheckFlags
	command := &cobra.Command{
		Use:   "check [--stdin] [--json]",
		Short: "Check the block azure and the environment",
		Long:  configCheckHelp,
		Example: `  npx nx-azure-cache config check
  echo '{"container": "nxcache"}' | npx nx-azure-cache config check --stdin --json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return checkConfig(std, flags) },
	}
	command.Flags().BoolVar(&flags.stdin, "stdin", false, "check the block on stdin instead of the one in nx.json")
	command.Flags().BoolVar(&flags.json, "json", false, "print one JSON object")
	return command
}

// checkConfig prints the problems of a configuration.
func checkConfig(std stdio, flags configCheckFlags) error {
	var proposed json.RawMessage
	if flags.stdin {
		var err error
		if proposed, err = readBlock(std.stdin); err != nil {
			return err
		}
	}
	checked := config.Check(std.getenv, proposed)
	var err error
	if flags.json {
		err = terminal.JSON(std.stdout, checked, "")
	} else {
		err = printChecked(std.stdout, checked)
	}
	if err == nil && !checked.Valid {
		err = exitFailed
	}
	return err
}

// readBlock reads a proposed block. Invalid JSON becomes a string, which package config
// reports as a block of the wrong type. The input may be a secret, so no error repeats it.
func readBlock(in io.Reader) (json.RawMessage, error) {
	const most = 1 << 20 // bytes
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > most:
		return nil, errors.New("stdin has more than 1 MiB; a block azure is a small JSON object")
	case !json.Valid(text):
		return json.RawMessage(`""`), nil
	default:
		return bytes.TrimSpace(text), nil
	}
}

// printChecked prints a line for each problem.
func printChecked(out io.Writer, checked config.Checked) error {
	var lines terminal.Lines
	for _, p := range checked.Problems {
		lines.Printf("%-7s  %s", p.Level, diagnostic.Line(p.Diagnostic, p.Message))
	}
	if checked.Valid {
		lines.Printf("The configuration is valid.")
	} else {
		lines.Printf("The configuration is not valid: no run can use the remote cache with it.")
	}
	_, err := lines.WriteTo(out)
	return err
}
