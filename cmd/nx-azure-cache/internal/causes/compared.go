package causes

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// compared returns the inputs that differ from the nearest stored result.
func (x *explainer) compared(w *wanted) []Cause {
	near, own := w.nearest, x.projects.of(w.task.ID)
	if near.equal < 0 {
		return []Cause{x.unknown(near.run, "its inputs are unknown: this version of Nx does not tell, or the record is too large")}
	}
	files := x.changesSince(near.run)
	d := &differences{x: x, run: near.run, files: files, byKey: make(map[string]int)}
	for _, name := range near.changed {
		if x.evidence.isStopped() {
			break
		}
		d.add(name, x.projects.parse(name, own))
	}
	if len(near.here)+len(near.there) > 0 {
		d.addList(near)
	}
	if len(d.causes) == 0 && near.isHidden {
		return []Cause{x.hidden(near.run)}
	}
	if len(d.causes) == 0 {
		return []Cause{x.unknown(near.run, "all recorded inputs are equal: a variable or the output of a command may differ")}
	}
	causes := d.withoutImplied()
	for i := range causes {
		d.finish(&causes[i])
	}
	return causes
}

func (x *explainer) unknown(run *Run, text string) Cause {
	return Cause{Kind: UnknownInput, Text: text, IsUnstable: x.sameCommit(run),
		Fix: "compare by hand the variables and the versions of the tools that are inputs: of their values, a record keeps only 8 bits"}
}

// hidden is the cause that only inputs differ that one of the records may leave out.
func (x *explainer) hidden(run *Run) Cause {
	return Cause{Kind: UnknownInput, IsUnstable: x.sameCommit(run),
		Text: "the inputs that differ may belong to projects that stored records leave out: azure.include or azure.exclude keeps them out of the cache",
		Fix:  "check what changed in these projects since the other run"}
}

// differences collects the causes of one task.
type differences struct {
	x      *explainer
	run    *Run
	files  *changedFiles
	causes []Cause
	byKey  map[string]int // index of the cause for inputs that have the same files
}

// add adds an input whose value differs. Inputs of one project with the same changed files
// are one cause.
func (d *differences) add(name string, in input) {
	cause := Cause{Kind: in.kind, Name: in.name, Inputs: []string{name}}
	switch in.kind {
	case ProjectFiles, DependencyFiles, WorkspaceFiles, IgnoredFiles, JSONFields, DependencyOutputs:
		d.addFiles(&cause, in)
	case ProjectConfiguration, TypeScript:
		cause.Name = in.project
		if cause.Kind == TypeScript {
			cause.Name = ""
		}
		d.nameFiles(&cause, configurationFiles(in, d.x.evidence.Root))
	case NpmPackages:
		d.nameFiles(&cause, packageFiles)
	case Runtime:
		if here := d.x.collector.record; here.OS != d.run.OS || here.Arch != d.run.Arch {
			cause.Kind = OperatingSystem
		}
	}
	key := string(cause.Kind) + "\x00" + in.project + "\x00" + cause.Name + "\x00" + strings.Join(cause.Files, "\x00")
	if i, ok := d.byKey[key]; ok {
		d.causes[i].Inputs = append(d.causes[i].Inputs, name)
		return
	}
	d.byKey[key] = len(d.causes)
	d.causes = append(d.causes, cause)
}

func (d *differences) addFiles(cause *Cause, in input) {
	found := d.files.filesOf(cause.Inputs[0], in)
	if in.project != "" {
		cause.Name = in.project
	}
	if found.ignored && in.kind != DependencyOutputs {
		cause.Kind = IgnoredFiles
	}
	cause.Files = slices.Clone(found.files)
}

// nameFiles names which of some files have changed.
func (d *differences) nameFiles(cause *Cause, names []string) {
	for _, name := range names {
		if d.files.isCommitted[name] || d.files.isUncommitted[name] {
			cause.Files = append(cause.Files, name)
		}
	}
}

var packageFiles = []string{"package.json", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "bun.lockb"}

func configurationFiles(in input, rootOf func(string) (string, bool)) []string {
	if in.kind == TypeScript {
		return []string{"tsconfig.base.json", "tsconfig.json"}
	}
	if rootOf == nil {
		return nil
	}
	root, ok := rootOf(in.project)
	if !ok {
		return nil
	}
	return []string{path.Join(root, "project.json"), path.Join(root, "package.json")}
}

// addList adds that the tasks have different inputs.
func (d *differences) addList(near *comparison) {
	inputs := append(slices.Clone(near.here), near.there...)
	if here := d.x.collector.record.Nx; here != "" && d.run.Nx != "" && here != d.run.Nx {
		d.causes = append(d.causes, Cause{Kind: NxVersion, Name: here, Inputs: inputs, OmittedInputs: near.omitted,
			Text: fmt.Sprintf("this run has Nx %s, the other one %s", here, d.run.Nx),
			Fix:  "the first run of a new version of Nx is a miss; use the same version on all machines"})
		return
	}
	d.causes = append(d.causes, Cause{Kind: InputList, Inputs: inputs, OmittedInputs: near.omitted,
		Text: "the task has other inputs than before: " + near.signed(),
		Fix:  "expected once, after a change of inputs, namedInputs or the dependencies of the project"})
}

// signed lists the inputs that only one of the tasks has as in a diff.
func (found *comparison) signed() string {
	var all []string
	for _, name := range found.here {
		all = append(all, "+"+name)
	}
	for _, name := range found.there {
		all = append(all, "-"+name)
	}
	if more := len(all) - maxFiles; more > 0 {
		all = append(all[:maxFiles], fmt.Sprintf("and %d more", more+found.omitted))
	}
	return strings.Join(all, ", ")
}

// withoutImplied leaves out what follows from another cause: a change of nx.json changes the
// configuration of projects, project.json is a file of the project, and the files of
// dependencies make other outputs.
func (d *differences) withoutImplied() []Cause {
	configured := make(map[string][]string) // files by project whose configuration differs
	shared, upstream := false, false
	for _, cause := range d.causes {
		switch cause.Kind {
		case ProjectConfiguration:
			configured[cause.Name] = cause.Files
		case WorkspaceFiles:
			shared = shared || isNxJSON(cause)
			upstream = true
		case DependencyFiles, TypeScript, NpmPackages, NxVersion:
			upstream = true
		}
	}
	return slices.DeleteFunc(d.causes, func(cause Cause) bool {
		switch cause.Kind {
		case ProjectConfiguration:
			return shared && len(cause.Files) == 0
		case ProjectFiles, DependencyFiles:
			return len(cause.Files) > 0 && !slices.ContainsFunc(cause.Files, func(file string) bool { return !slices.Contains(configured[cause.Name], file) })
		case DependencyOutputs:
			return upstream
		}
		return false
	})
}

// isNxJSON reports whether the cause may be nx.json.
func isNxJSON(cause Cause) bool {
	if len(cause.Files) > 0 {
		return slices.Contains(cause.Files, "nx.json")
	}
	return slices.ContainsFunc(cause.Inputs, func(name string) bool { return strings.Contains(name, "{workspaceRoot}/nx.json") })
}

// finish adds what people read.
func (d *differences) finish(cause *Cause) {
	unstable := d.x.sameCommit(d.run)
	if len(cause.Files) > 0 {
		cause.Commit = d.files.commitOf(cause.Files[0])
	}
	if cause.Text == "" {
		cause.IsUnstable = unstable && cause.Kind != Command && cause.Kind != OperatingSystem && !d.isEdited(cause)
		d.describe(cause)
	}
	if more := len(cause.Files) - maxFiles; more > 0 {
		cause.Files, cause.Omitted = cause.Files[:maxFiles:maxFiles], more
	}
}

// isEdited reports whether all files of a cause are uncommitted changes of the checkout.
func (d *differences) isEdited(cause *Cause) bool {
	return len(cause.Files) > 0 && !slices.ContainsFunc(cause.Files, func(file string) bool { return !d.files.isUncommitted[file] })
}
