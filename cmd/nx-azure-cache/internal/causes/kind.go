package causes

// Kind says what a cause is. Programs read it in the output of explain --json.
type Kind string

// The kinds of inputs that differ.
const (
	ProjectFiles         Kind = "project-files"         // of the task's project
	DependencyFiles      Kind = "dependency-files"      // source files of another project
	DependencyOutputs    Kind = "dependency-outputs"    // what tasks of other projects made
	IgnoredFiles         Kind = "ignored-files"         // inputs that git may ignore
	ProjectConfiguration Kind = "project-configuration" // project.json, package.json, targetDefaults
	TypeScript           Kind = "typescript"            // tsconfig.base.json or tsconfig.json
	NpmPackages          Kind = "npm-packages"
	Variable             Kind = "variable"
	Runtime              Kind = "runtime"
	OperatingSystem      Kind = "operating-system" // a runtime input on another system
	WorkspaceFiles       Kind = "workspace-files"
	JSONFields           Kind = "json-fields"
	WorkingDirectory     Kind = "working-directory"
	Command              Kind = "command" // arguments, or the command itself: the ID has target and configuration
	NxVersion            Kind = "nx-version"
	InputList            Kind = "input-list" // the task has other inputs than before
	OtherInput           Kind = "other-input"
	UnknownInput         Kind = "unknown-input" // the records do not tell which
)

// The kinds of reasons why there was no result to read.
const (
	LookupFailed Kind = "lookup-failed"
	Damaged      Kind = "damaged"
	Unreadable   Kind = "unreadable" // the entry exists, in the archive tier, for example
	Excluded     Kind = "excluded"
	Verify       Kind = "verify"
	OtherScope   Kind = "other-scope" // only a scope that the run does not read has it
	Gone         Kind = "gone"        // deleted since it was stored
	Exists       Kind = "exists"      // the entry existed when the run stored the result
	NotStored    Kind = "not-stored"  // an earlier run could not store it
	FirstTime    Kind = "first-time"
	NoRecords    Kind = "no-records"
)
