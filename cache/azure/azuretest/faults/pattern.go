package faults

// matches reports whether text matches a pattern with * and ?; "" matches everything.
func matches(pattern, text string) bool {
	return pattern == "" || Like(pattern, text)
}

// Like is StringLike of Azure's conditions: * matches any characters, even /.
func Like(pattern, text string) bool {
	star, again := -1, 0 // the last *, and where matching resumes after it
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, again = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			again++
			p, t = star+1, again
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
