package causes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// describe writes the text and the fix of an input that differs.
func (d *differences) describe(cause *Cause) {
	switch cause.Kind {
	case ProjectFiles, DependencyFiles:
		cause.Text = d.filesText("files of "+cause.Name+" changed", cause)
		cause.Fix = filesFix(cause)
	case IgnoredFiles:
		cause.Text = d.filesText("ignored or generated files are inputs and changed", cause)
		cause.Fix = "if the result does not depend on them, exclude them from inputs (a pattern with !) or list them in .nxignore"
	case WorkspaceFiles:
		what := "files of the workspace changed"
		if isNxJSON(*cause) {
			what = "nx.json, .gitignore or .nxignore changed"
		}
		cause.Text = d.filesText(what, cause)
		cause.Fix = filesFix(cause)
	case JSONFields:
		cause.Text = d.filesText("fields "+cause.Name+" of a JSON file changed", cause)
	case DependencyOutputs:
		cause.Text = d.filesText("outputs of dependencies in "+cause.Name+" changed", cause)
		cause.Fix = "if their inputs did not change, a task writes something else each time, such as a time: make its output reproducible"
	case ProjectConfiguration:
		cause.Text = d.filesText("the configuration of project "+cause.Name+" changed (project.json, package.json, targetDefaults or a plugin)", cause)
		if cause.IsUnstable {
			cause.Fix = "a plugin or the environment decides on the configuration: compare it on both machines"
			if command, ok := printable.Command("npx nx show project %s --json", cause.Name); ok {
				cause.Fix += ": " + command
			}
		}
	case TypeScript:
		cause.Text = d.filesText("the settings of TypeScript changed (tsconfig.base.json)", cause)
	case NpmPackages:
		d.describePackages(cause)
	default:
		describeEnvironment(cause, d)
	}
}

// describeEnvironment describes inputs that are no files.
func describeEnvironment(cause *Cause, d *differences) {
	switch cause.Kind {
	case Variable:
		cause.Text = "the variable " + cause.Name + " has another value"
		cause.Fix = "if the result does not depend on it, remove it from inputs; otherwise set the same value in all runs"
	case Runtime:
		cause.Text = "the command \"" + cause.Name + "\" (a runtime input) prints something else"
		cause.Fix = "if the result does not depend on it, remove it from inputs; otherwise use the same version of the tool everywhere"
	case OperatingSystem:
		here := d.x.collector.record
		cause.Text = fmt.Sprintf("the command \"%s\" (a runtime input) prints something else: this run is on %s/%s, the other one on %s/%s",
			cause.Name, here.OS, here.Arch, d.run.OS, d.run.Arch)
		cause.Fix = "run CI on the main branch on this system, too, or remove the command from inputs if the result is the same"
	case WorkingDirectory:
		cause.Text = "Nx was started in another folder"
		cause.Fix = "start Nx in the root of the workspace, or remove workingDirectory from inputs"
	case Command:
		cause.Text = "the arguments of the task, or its command, differ"
		cause.Fix = "run it with the same arguments: each combination has its own result"
	default:
		cause.Text = "the input " + cause.Name + " differs"
	}
}

func (d *differences) describePackages(cause *Cause) {
	if cause.Name != "" {
		cause.Text = "the npm package " + cause.Name + " changed"
	} else {
		cause.Text = "npm packages changed"
		cause.Fix = "externalDependencies in inputs limits which packages count"
	}
	var versions []string
	if d.x.evidence.Packages != nil {
		versions = d.x.evidence.Packages(d.run)
	}
	if cause.Name != "" {
		versions = slices.DeleteFunc(slices.Clone(versions), func(version string) bool { return !strings.HasPrefix(version, cause.Name+" ") })
	}
	if len(versions) > 0 {
		cause.Text += ": " + head(versions)
		return
	}
	cause.Text = d.filesText(cause.Text, cause)
}

// filesText adds the files, or why they are unknown.
func (d *differences) filesText(what string, cause *Cause) string {
	if len(cause.Files) == 0 {
		switch {
		case d.files.Problem != "":
			return what + "; which files is unknown: " + d.files.Problem
		case cause.Kind == ProjectConfiguration || cause.Kind == TypeScript || cause.Kind == NpmPackages || cause.Kind == DependencyOutputs:
			return what
		}
		return what + " (" + head(cause.Inputs) + ")"
	}
	if cause.Kind == WorkspaceFiles {
		what = head(cause.Files) + " changed"
	} else {
		what += ": " + head(cause.Files)
	}
	if cause.Commit != "" {
		return what + ", in " + cause.Commit
	}
	if cause.Kind != IgnoredFiles && slices.ContainsFunc(cause.Files, func(file string) bool { return d.files.isUncommitted[file] }) {
		return what + ", not committed"
	}
	return what
}

// filesFix says what to do about files that differ although both runs are of one commit. They
// are unknown: those that are known are edited.
func filesFix(cause *Cause) string {
	if !cause.IsUnstable {
		return ""
	}
	return "both runs are of one commit: a file that is not committed is an input. Commit it, exclude it from inputs, or list it in .nxignore"
}

// head joins the first words, which may be names of files.
func head(words []string) string {
	first, rest := words, ""
	if more := len(words) - maxFiles; more > 0 {
		first, rest = words[:maxFiles], fmt.Sprintf(" and %d more", more)
	}
	shown := make([]string, len(first))
	for i, word := range first {
		shown[i] = printable.String(word)
	}
	return strings.Join(shown, ", ") + rest
}
