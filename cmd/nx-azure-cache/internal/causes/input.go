package causes

import (
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

// CommandInput is the name under which a record has the hash of a task's target, arguments
// and configuration.
const CommandInput = "command"

const (
	configurationSuffix = ":ProjectConfiguration"
	typeScriptSuffix    = ":TsConfig"
)

// input is what the name of an input says. Nx 20.0.6 to 24.0.6 use these names.
type input struct {
	kind    Kind
	project string // of files, configuration and TypeScript settings
	name    string // of a variable, command, package or field
	globs   globs  // of files
}

// projects are the names of projects, to tell "shop:shop/**/*" from "**/*.js:dist/shop".
type projects map[string]bool

func projectsOf(record *runs.Record) projects {
	known := make(projects)
	for i := range record.Tasks {
		project, _, _ := strings.Cut(record.Tasks[i].ID, ":")
		known[project] = true
	}
	for _, in := range record.Inputs {
		if project, ok := strings.CutSuffix(in.Name, configurationSuffix); ok {
			known[project] = true
		}
	}
	return known
}

// split returns the project at the beginning of a name, the longest one that is known.
func (p projects) split(name string) (project, rest string, ok bool) {
	for end := len(name); ; {
		end = strings.LastIndexByte(name[:end], ':')
		if end < 0 {
			return "", "", false
		}
		if p[name[:end]] {
			return name[:end], name[end+1:], true
		}
	}
}

// of returns the project of a task.
func (p projects) of(id string) string {
	if project, _, ok := p.split(id); ok {
		return project
	}
	project, _, _ := strings.Cut(id, ":")
	return project
}

// filesOf is an input of files of a project, for a task of project own.
func filesOf(project, list, own string) input {
	kind := DependencyFiles
	if project == own {
		kind = ProjectFiles
	}
	return input{kind: kind, project: project, globs: parseGlobs(list)}
}

// isFileSet reports whether files of a known project follow its name. Without files, the name
// may be that of another kind of input: a project may be called env, for example.
func isFileSet(project, rest string) bool {
	switch project {
	case "npm", "json", "runtime": // packages, files and commands contain slashes, too
		return strings.Contains(rest, "*") && !strings.Contains(rest, " ")
	}
	return strings.ContainsAny(rest, "/*") && !strings.HasPrefix(rest, "[")
}

// parse reads the name of an input of a task of project own.
func (p projects) parse(name, own string) input {
	if project, ok := strings.CutSuffix(name, configurationSuffix); ok {
		return input{kind: ProjectConfiguration, project: project}
	}
	if project, ok := strings.CutSuffix(name, typeScriptSuffix); ok {
		return input{kind: TypeScript, project: project}
	}
	if project, rest, ok := p.split(name); ok && isFileSet(project, rest) {
		return filesOf(project, rest, own)
	}
	switch prefix, rest, _ := strings.Cut(name, ":"); {
	case name == CommandInput:
		return input{kind: Command}
	case name == "AllExternalDependencies":
		return input{kind: NpmPackages}
	case prefix == "npm":
		return input{kind: NpmPackages, name: rest}
	case prefix == "env":
		return input{kind: Variable, name: rest}
	case prefix == "runtime":
		return input{kind: Runtime, name: rest}
	case prefix == "cwd":
		return input{kind: WorkingDirectory, name: rest}
	case prefix == "json":
		file, fields, _ := strings.Cut(strings.TrimSuffix(rest, "]"), "[")
		return input{kind: JSONFields, name: fields, globs: parseGlobs(file)}
	case prefix == "workspace" || prefix == "files":
		kind := map[string]Kind{"workspace": WorkspaceFiles, "files": IgnoredFiles}[prefix]
		return input{kind: kind, globs: parseGlobs(strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]"))}
	}
	if project, rest, ok := p.split(name); ok {
		return filesOf(project, rest, own)
	}
	// Dependency outputs are GLOB:OUTPUT; a fileset of an unknown project is PROJECT:GLOBS.
	first, last := strings.LastIndexByte(name, ':'), ""
	if first >= 0 {
		last = name[first+1:]
		if glob := name[:first]; strings.ContainsAny(glob, "*/") && !strings.ContainsAny(last, "*{") {
			return input{kind: DependencyOutputs, name: last, globs: globs{{pattern: last + "/" + glob}, {pattern: last}}}
		}
		if strings.ContainsAny(last, "*/{") {
			return input{kind: DependencyFiles, project: name[:first], globs: parseGlobs(last)}
		}
	}
	return input{kind: OtherInput, name: name}
}
