package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/qlikgateway/gateway/ingress"
)

var (
	commandLine = regexp.MustCompile(`^\s*(?:\$ )?(?:.* -- )?(?:[A-Z_]+=\S*\s+)*(?:go run \./cmd/|\./)?gateway(?:\s+(.*))?$`)
	siblings    = regexp.MustCompile("^(?:,| and| or|, and|, or) `([a-z]+)[^`]*`")
)

// TestCommandsInDocumentsAreUnderstood takes every command line of the program in
// every document, in blocks and in the text, and has the program parse it: the
// command exists, so does each flag, and it takes so many arguments.
func TestCommandsInDocumentsAreUnderstood(t *testing.T) {
	t.Parallel()
	parsed := 0
	for name, text := range documents(t) {
		blocks, prose := fences(text)
		for _, block := range blocks {
			for i, line := range strings.Split(block.text, "\n") {
				match := commandLine.FindStringSubmatch(line)
				if match == nil || match[1] == "" {
					continue
				}
				parsed++
				if err := understood(words(match[1]), true); err != nil {
					t.Errorf("%s:%d: %s: %v", name, block.line+i, strings.TrimSpace(line), err)
				}
			}
		}
		for i, line := range prose {
			for _, args := range inlineCommands(line) {
				parsed++
				if err := understood(args, false); err != nil {
					t.Errorf("%s:%d: gateway %s: %v", name, i+1, strings.Join(args, " "), err)
				}
			}
		}
	}
	if parsed < 100 {
		t.Errorf("only %d command lines were found", parsed)
	}
}

// inlineCommands returns the commands that a line of prose names, each as its
// arguments. In "`gateway runs ls`, `show`" the second is `gateway runs show`.
func inlineCommands(line string) [][]string {
	line = strings.ReplaceAll(line, `\|`, "|")
	var all [][]string
	for _, at := range codeSpan.FindAllStringIndex(line, -1) {
		match := commandLine.FindStringSubmatch(strings.Trim(line[at[0]:at[1]], "`"))
		if match == nil || match[1] == "" {
			continue
		}
		args := words(match[1])
		all = append(all, args)
		if len(args) != 2 || strings.Trim(args[1], "abcdefghijklmnopqrstuvwxyz") != "" {
			continue
		}
		for rest := line[at[1]:]; ; {
			sibling := siblings.FindStringSubmatch(rest)
			if sibling == nil || sibling[1] == "gateway" {
				break
			}
			all = append(all, []string{args[0], sibling[1]})
			rest = rest[len(sibling[0]):]
		}
	}
	return all
}

// understood says what is wrong with a command line. Where it is not whole, it may
// lack arguments and the value of its last flag.
func understood(args []string, whole bool) error {
	var started bool
	root := newRootCommand(&started)
	command, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := command.ParseFlags(rest); err != nil && (whole || !strings.HasPrefix(err.Error(), "flag needs an argument")) {
		return err
	}
	left := slices.DeleteFunc(command.Flags().Args(), func(arg string) bool { return arg == "..." })
	if command.HasSubCommands() && len(left) > 0 && !command.Runnable() {
		return fmt.Errorf("%s has no command %s", command.CommandPath(), left[0])
	}
	if !whole && len(left) == 0 {
		return nil
	}
	return command.ValidateArgs(left)
}

// words splits a command line as a shell does, up to its end: a comment, a pipe, a
// redirection or the next command.
func words(line string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	inside := false
	end := func() {
		if inside {
			all = append(all, word.String())
		}
		word.Reset()
		inside = false
	}
	for i, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inside = r, true
		case r == ' ' || r == '\t':
			end()
		case slices.Contains([]rune("|<>&;)"), r), r == '#' && !inside, r == '\\' && i == len(line)-1:
			end()
			return all
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	end()
	return all
}

func TestCommandsThatDoNotExistAreNoticed(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"gateway rns ls":                         "unknown command",
		"gateway runs lst":                       "no command lst",
		"gateway runs ls --stat failed | wc -l":  "unknown flag",
		"X=1 gateway check -- extra # a comment": "takes no arguments",
	} {
		if err := understood(words(commandLine.FindStringSubmatch(line)[1]), true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	if got := fmt.Sprint(inlineCommands("`gateway runs ls`, `show RUN` or `watch`; `failed`")); got != "[[runs ls] [runs show] [runs watch]]" {
		t.Error(got)
	}
}

// TestEveryCommandIsInTheDocument holds docs/commands.md against the commands there are.
func TestEveryCommandIsInTheDocument(t *testing.T) {
	t.Parallel()
	var documented []string
	for line := range strings.Lines(string(read(t, repository+"/docs/commands.md"))) {
		for _, args := range inlineCommands(line) {
			documented = append(documented, strings.Join(args[:min(len(args), 2)], " "), args[0])
		}
	}
	var started bool
	for _, command := range newRootCommand(&started).Commands() {
		names := []string{command.Name()}
		for _, below := range command.Commands() {
			if !below.Hidden {
				names = append(names, command.Name()+" "+below.Name())
			}
		}
		for _, name := range names {
			if !slices.Contains(documented, name) && !command.Hidden {
				t.Errorf("docs/commands.md does not say what gateway %s does", name)
			}
		}
	}
}

func TestReadmeLinksEverySender(t *testing.T) {
	t.Parallel()
	text := string(read(t, repository+"/README.md"))
	for _, preset := range ingress.Presets() {
		if !strings.Contains(text, "docs/senders.md#"+preset.Name+")") {
			t.Errorf("README.md does not name %s", preset.Name)
		}
	}
}
