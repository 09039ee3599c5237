// Package usage reports wrong command lines: unknown commands and flags, missing and extra
// arguments, and wrong values of flags. All of them name what was typed, show the usage line
// and exit with 2. It knows no command.
package usage

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/internal/suggest"
)

// ExitCode is the exit code for a wrong command line.
const ExitCode = 2

// Help explains the exit codes, at the end of the help of a root command.
const Help = `Exit codes are 0 for success, 1 for a failure, and 2 for a wrong command line.`

// Error is the error of a wrong command line.
type Error struct {
	err     error
	command *cobra.Command
}

func (e *Error) Error() string { return e.err.Error() }
func (e *Error) Unwrap() error { return e.err }

// Line is the usage line of the command.
func (e *Error) Line() string {
	return fmt.Sprintf("usage: %s (%s --help explains it)", e.command.UseLine(), e.command.CommandPath())
}

// Wrong marks the error of a command as one of its command line; nil stays nil.
func Wrong(err error) error {
	if err == nil {
		return nil
	}
	return wrong{err}
}

// wrong is an error whose command is not known yet.
type wrong struct{ error }

func (w wrong) Unwrap() error { return w.error }

// Run runs a command line. If it is wrong, the error is an [*Error].
func Run(ctx context.Context, root *cobra.Command, args []string) error {
	prepare(root)
	root.SetArgs(args)
	// Only an unknown command makes Find fail.
	root.InitDefaultHelpCmd()
	if found, rest, err := root.Find(args); err != nil {
		return &Error{unknownCommand(found, firstArgument(rest)), found}
	} else if err := checkTopic(root, found, rest); err != nil {
		return &Error{err, found}
	}
	command, err := root.ExecuteContextC(ctx)
	if w, ok := errors.AsType[wrong](err); ok {
		return &Error{w.error, command}
	}
	return err
}

// checkTopic returns an error if a command is help for an unknown command. Cobra's help
// would exit with 0.
func checkTopic(root, command *cobra.Command, args []string) error {
	if command.Name() != "help" || command.Parent() != root {
		return nil
	}
	if _, _, err := root.Find(args); err != nil {
		return unknownCommand(root, firstArgument(args))
	}
	return nil
}

// prepare makes a command and those below it report a wrong command line.
func prepare(command *cobra.Command) {
	command.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return wrong{flagError(c, err)} })
	if validate := command.Args; validate != nil {
		command.Args = func(c *cobra.Command, args []string) error {
			if validate(c, args) != nil {
				return wrong{argumentError(c, args, validate)}
			}
			return missingFlags(c)
		}
	}
	for _, child := range command.Commands() {
		prepare(child)
	}
}

func unknownCommand(parent *cobra.Command, typed string) error {
	var names []string
	for _, child := range parent.Commands() {
		if child.IsAvailableCommand() {
			names = append(names, child.Name())
		}
	}
	if near := suggest.Nearest(typed, names); near != "" {
		return fmt.Errorf("unknown command %s; did you mean %s?", shown(typed), near)
	}
	return fmt.Errorf("unknown command %s; commands are %s", shown(typed), suggest.Enumerate(names))
}

// firstArgument returns the first word that is not a flag.
func firstArgument(args []string) string {
	if i := slices.IndexFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") }); i >= 0 {
		return args[i]
	}
	return ""
}

// argumentError says how many arguments a command takes.
func argumentError(c *cobra.Command, args []string, validate cobra.PositionalArgs) error {
	if c.HasAvailableSubCommands() {
		return unknownCommand(c, args[0])
	}
	accepts := func(n int) bool { return validate(c, make([]string, n)) == nil }
	if accepts(len(args) + 1) {
		return fmt.Errorf("%s needs an argument: %s", c.Name(), arguments(c))
	}
	most := len(args) - 1
	for most > 0 && !accepts(most) {
		most--
	}
	takes := "no arguments" // no command takes two
	if most == 1 {
		takes = fmt.Sprintf("one argument, %s", arguments(c))
	}
	var typed []string
	for _, arg := range args {
		typed = append(typed, shown(arg))
	}
	return fmt.Errorf("%s takes %s, but got %s", c.Name(), takes, suggest.Enumerate(typed))
}

// flagsInUse matches the flags in a usage line.
var flagsInUse = regexp.MustCompile(`\[--[^\]]*\]|--\S+ \S+`)

// arguments returns the arguments in the usage line of a command, such as HASH.
func arguments(c *cobra.Command) string {
	_, rest, _ := strings.Cut(c.Use, " ")
	return strings.Trim(strings.Join(strings.Fields(flagsInUse.ReplaceAllString(rest, "")), " "), "[]")
}

// missingFlags returns an error if required flags are missing.
func missingFlags(c *cobra.Command) error {
	var missing []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[cobra.BashCompOneRequiredFlag]) > 0 && !f.Changed {
			missing = append(missing, "--"+f.Name)
		}
	})
	if len(missing) == 0 {
		return nil
	}
	return wrong{fmt.Errorf("%s needs %s", c.Name(), suggest.Enumerate(missing))}
}

// flagError returns the error for a flag that cannot be parsed.
func flagError(c *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return unknownFlag(c, unknown)
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("--%s needs a value", missing.GetFlag().Name)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		allowed, known := map[string]string{"bool": "true or false", "int": "a whole number", "duration": "a duration such as 90s or 2m"}[invalid.GetFlag().Value.Type()]
		if known {
			return fmt.Errorf("--%s is %s; use %s", invalid.GetFlag().Name, shown(invalid.GetValue()), allowed)
		}
	}
	return errors.New(printable.Scrub(err.Error()))
}

func unknownFlag(c *cobra.Command, unknown *pflag.NotExistError) error {
	typed := "--" + unknown.GetSpecifiedName()
	if short := unknown.GetSpecifiedShortnames(); short != "" {
		typed = "-" + short
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := suggest.Nearest(strings.TrimLeft(typed, "-"), names); near != "" {
		return fmt.Errorf("unknown flag %s; did you mean --%s?", shown(typed), near)
	}
	return fmt.Errorf("unknown flag %s", shown(typed))
}

// maxShown is how much of what was typed a message shows, in bytes.
const maxShown = 80

// shown quotes what was typed. It may be a secret: a license is an argument, too.
func shown(typed string) string {
	return `"` + printable.Short(printable.Scrub(typed), maxShown) + `"`
}
