package causes

import (
	"regexp"
	"strings"
)

// glob is a pattern of files in an input. Its path is relative to the workspace, or begins
// with {projectRoot}.
type glob struct {
	pattern string
	negated bool
}

type globs []glob

const (
	workspaceRoot = "{workspaceRoot}/"
	projectRoot   = "{projectRoot}"
	maxPattern    = 1000
)

// parseGlobs reads a list such as "shop/**/*,!shop/**/*.md".
func parseGlobs(list string) globs {
	var all globs
	depth, begin := 0, 0
	add := func(pattern string) {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if pattern = strings.TrimPrefix(pattern, workspaceRoot); pattern != "" {
			all = append(all, glob{pattern, negated})
		}
	}
	for i := range len(list) {
		switch list[i] {
		case '{', '(', '[':
			depth++
		case '}', ')', ']':
			depth--
		case ',':
			if depth <= 0 {
				add(list[begin:i])
				begin = i + 1
			}
		}
	}
	add(list[begin:])
	return all
}

// matcher tells which files globs match.
type matcher struct{ include, exclude []*regexp.Regexp }

// compile resolves {projectRoot}. Globs of a project whose root is unknown match nothing.
func (g globs) compile(root string, isKnown bool) matcher {
	var m matcher
	for _, glob := range g {
		pattern := glob.pattern
		if rest, ok := strings.CutPrefix(pattern, projectRoot); ok {
			if !isKnown {
				continue
			}
			pattern = strings.TrimPrefix(strings.TrimSuffix(root, "/")+rest, "./")
			pattern = strings.TrimPrefix(pattern, "/")
		}
		expression, isExact := translate(pattern)
		compiled, err := regexp.Compile(expression)
		switch {
		case err != nil: // such as the class [z-a], which matches nothing
		case !glob.negated:
			m.include = append(m.include, compiled)
		case isExact: // otherwise it could exclude a file that is an input
			m.exclude = append(m.exclude, compiled)
		}
	}
	return m
}

func (m matcher) matches(file string) bool {
	for _, exclude := range m.exclude {
		if exclude.MatchString(file) {
			return false
		}
	}
	for _, include := range m.include {
		if include.MatchString(file) {
			return true
		}
	}
	return false
}

// base is the folder that contains all files that the globs can match.
func (g globs) base(root string) []string {
	var folders []string
	for _, glob := range g {
		if glob.negated {
			continue
		}
		pattern := strings.Replace(glob.pattern, projectRoot, root, 1)
		if end := strings.IndexAny(pattern, "*?[{(!+@"); end >= 0 {
			pattern = pattern[:strings.LastIndexByte(pattern[:end], '/')+1]
		}
		folders = append(folders, strings.Trim(pattern, "/"))
	}
	return folders
}

// translate returns a regular expression for a glob of Nx, which may have extended parts:
// ?(a|b), *(a), +(a), @(a), !(a). Regular expressions of Go have nothing like the last one:
// it matches anything, and isExact is false.
func translate(pattern string) (expression string, isExact bool) {
	if len(pattern) > maxPattern {
		return "^$", true
	}
	t := translator{pattern: pattern, isExact: true}
	t.out.WriteString("^")
	for t.at < len(pattern) {
		t.next()
	}
	for len(t.closing) > 0 { // of a pattern with an open parenthesis
		t.close()
	}
	t.out.WriteString("$")
	return t.out.String(), t.isExact
}

type translator struct {
	pattern string
	at      int
	out     strings.Builder
	closing []string // what ends each open group
	isExact bool
}

func (t *translator) close() {
	t.out.WriteString(t.closing[len(t.closing)-1])
	t.closing = t.closing[:len(t.closing)-1]
}

func (t *translator) open(closing string) {
	t.out.WriteString("(?:")
	t.closing = append(t.closing, closing)
}

func (t *translator) next() {
	rest := t.pattern[t.at:]
	if len(rest) > 1 && rest[1] == '(' && strings.IndexByte("?*+@!", rest[0]) >= 0 {
		t.at += 2
		if rest[0] == '!' {
			t.isExact = false
			if end := strings.IndexByte(rest, ')'); end >= 0 {
				t.at += end - 1
			}
			t.out.WriteString("[^/]*")
			return
		}
		t.open(map[byte]string{'?': ")?", '*': ")*", '+': ")+", '@': ")"}[rest[0]])
		return
	}
	switch {
	case strings.HasPrefix(rest, "**/"):
		t.out.WriteString("(?:.*/)?")
		t.at += 3
		return
	case strings.HasPrefix(rest, "**"):
		t.out.WriteString(".*")
		t.at += 2
		return
	case rest[0] == '[':
		if end := strings.IndexByte(rest, ']'); end > 1 {
			t.class(rest[1:end])
			t.at += end + 1
			return
		}
	}
	t.at++
	switch c := rest[0]; {
	case c == '*':
		t.out.WriteString("[^/]*")
	case c == '?':
		t.out.WriteString("[^/]")
	case c == '{':
		t.open(")")
	case c == '|' && len(t.closing) > 0, c == ',' && len(t.closing) > 0:
		t.out.WriteString("|")
	case (c == '}' || c == ')') && len(t.closing) > 0:
		t.close()
	default:
		t.out.WriteString(regexp.QuoteMeta(string([]byte{c})))
	}
}

// class writes a class such as [jt] or [!a-z].
func (t *translator) class(content string) {
	rest, negated := strings.CutPrefix(content, "!")
	if !negated {
		rest, negated = strings.CutPrefix(content, "^")
	}
	t.out.WriteString("[")
	if negated {
		t.out.WriteString("^/")
	}
	for _, c := range []byte(rest) {
		if c == '-' {
			t.out.WriteByte('-')
		} else {
			t.out.WriteString(regexp.QuoteMeta(string([]byte{c})))
		}
	}
	t.out.WriteString("]")
}
