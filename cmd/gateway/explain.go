package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/bridge/rules"
	"github.com/qlikgateway/gateway/events"
)

// newExplainCommand returns `gateway explain`.
func newExplainCommand() *cobra.Command {
	var path, source string
	var headers []string
	var asJSON bool
	command := &cobra.Command{
		Use:   "explain EVENT",
		Short: "Say which rules an event would match, why others not, and what would be done",
		Long: "EVENT is a file (- for standard input): what a sender would post to a source (--source), or a CloudEvent in the JSON\n" +
			"format, whose attribute gatewaysource, or else source, names the configured source; --source gateway takes one of the gateway's own\n" +
			"outcomes. Nothing is sent or stored.",
		Example: "  gateway explain --config gateway.yaml --source dbt dbt-run.json\n  gateway explain --config gateway.yaml event.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			cfg, err := correct(path)
			if err != nil {
				return err
			}
			arrivals, err := sample{source: source, headers: headers, file: args[0]}.read(cfg, command.InOrStdin())
			if err != nil {
				return err
			}
			for _, arrival := range arrivals {
				if err := explain(command.OutOrStdout(), cfg.Rules, arrival, asJSON); err != nil {
					return err
				}
			}
			return nil
		},
	}
	command.Flags().StringVarP(&path, "config", "c", "gateway.yaml", "configuration file")
	command.Flags().StringVar(&source, "source", "", "the configured source that would be posted to; empty for a CloudEvent that says it")
	command.Flags().StringArrayVar(&headers, "header", nil, `a header of the delivery, as "Name: value"; may be given several times`)
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each event")
	return command
}

// A sample is a delivery to try rules on.
type sample struct {
	source  string
	headers []string
	file    string // - for standard input
	body    []byte // instead of file
}

// read makes of the sample what the gateway would make of the delivery.
func (s sample) read(cfg *config, stdin io.Reader) ([]events.Arrival, error) {
	body, err := s.body, error(nil)
	switch {
	case body != nil:
	case s.file == "-":
		body, err = io.ReadAll(stdin)
	default:
		body, err = os.ReadFile(s.file)
	}
	if err != nil {
		return nil, fmt.Errorf("read event: %w", err)
	}
	switch s.source {
	case "":
		return cloudEvent(body)
	case rules.OwnSource:
		outcome, err := events.DecodeStructured(body)
		return []events.Arrival{events.Heard(outcome)}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if err := addHeaders(header, s.headers); err != nil {
		return nil, err
	}
	return cfg.Sources.Understand(s.source, header, body)
}

// cloudEvent reads an event that says which configured source it came through.
func cloudEvent(body []byte) ([]events.Arrival, error) {
	event, err := events.DecodeStructured(body)
	if err != nil {
		return nil, fmt.Errorf("read CloudEvent (or name the source with --source): %w", err)
	}
	source, ok := event.Extensions()["gatewaysource"].(string)
	if !ok {
		source = event.Source()
	}
	return []events.Arrival{{Source: source, Event: event, Raw: body}}, nil
}

// explain prints what the rules make of one event.
func explain(out io.Writer, set *rules.Set, arrival events.Arrival, asJSON bool) error {
	view := arrival.View()
	explanations := set.Explain(view)
	if asJSON {
		return json.NewEncoder(out).Encode(struct {
			ID     string              `json:"id"`
			Type   string              `json:"type"`
			Source string              `json:"source"` // configured source
			Facts  rules.Facts         `json:"facts"`
			Rules  []rules.Explanation `json:"rules"`
		}{view.ID, view.Type, view.GatewaySource, view.Facts, explanations})
	}
	var text strings.Builder
	fmt.Fprintf(&text, "event %s, type %s, of source %s\n", view.ID, view.Type, view.GatewaySource)
	if facts := view.Facts; facts != (rules.Facts{}) {
		fmt.Fprintf(&text, "      outcome %s, job %q (%s), run %s\n",
			cmp.Or(facts.Outcome, "unknown"), facts.Job, cmp.Or(facts.JobID, "no id"), cmp.Or(facts.RunID, "unknown"))
	}
	for _, e := range explanations {
		text.WriteString(explained(e))
	}
	if len(explanations) == 0 {
		text.WriteString("no rules are configured\n")
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// explained says in words what one rule makes of the event.
func explained(e rules.Explanation) string {
	switch {
	case !e.Matches:
		return fmt.Sprintf("no    %s: %s\n", e.Rule, e.Why)
	case e.Error != "":
		return fmt.Sprintf("dead  %s matches, but cannot be planned: %s\n", e.Rule, e.Error)
	}
	starts := when(e.Plan.Gather)
	if e.Plan.Join != nil {
		starts = waitsFor(e.Plan.Join)
	}
	text := fmt.Sprintf("yes   %s, tenant %s: %s\n", e.Rule, e.Tenant, starts)
	for i, step := range e.Plan.Steps {
		text += fmt.Sprintf("      %d. %s%s\n", i+1, occasion(step.Turn), describe(step))
	}
	if retry := e.Plan.Retry; len(retry.On) > 0 {
		text += fmt.Sprintf("      a reload that ends %s is started again %s later, at most %d attempts in all\n", strings.Join(retry.On, " or "), retry.Wait, retry.Attempts)
	}
	return text
}

// when says when a run starts.
func when(gather rules.Gather) string {
	if gather.None {
		return "at once, a run of its own"
	}
	var times []string
	if gather.Count > 0 {
		times = append(times, fmt.Sprintf("when %d events came", gather.Count))
	}
	if gather.Quiet > 0 {
		times = append(times, fmt.Sprintf("when nothing new came for %s", gather.Quiet))
	}
	if len(times) == 0 {
		return "at once"
	}
	text := strings.Join(times, ", or ")
	if gather.Max > 0 {
		text += fmt.Sprintf(", at most %s after the first", gather.Max)
	}
	return text
}

// waitsFor says which part of a join the event is, and what the run waits for.
func waitsFor(join *rules.Join) string {
	missing := slices.DeleteFunc(slices.Clone(join.Parts), func(name string) bool { return slices.Contains(join.Is, name) })
	text := "as part " + strings.Join(join.Is, " and ")
	if len(join.Is) >= join.Need {
		return text + ", which is enough"
	}
	text += " of its join, which needs "
	if more := join.Need - len(join.Is); more < len(missing) {
		text += fmt.Sprintf("%d more of ", more)
	}
	end := "expires"
	if join.Go {
		end = "goes with what is there"
	}
	return fmt.Sprintf("%s%s, and else %s after %s", text, strings.Join(missing, ", "), end, join.Within)
}

// occasion says when a step that is not in turn is carried out.
func occasion(turn rules.Occasion) string {
	return map[rules.Occasion]string{rules.OnFailure: "on failure: ", rules.Always: "always: "}[turn]
}

// describe says what a step would ask of Qlik.
func describe(step rules.Step) string {
	args, err := json.Marshal(step.Args)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%s %s", step.Action, args)
	for _, name := range sorted(step.Late) {
		text += fmt.Sprintf(", %s = %s once it is known", name, step.Late[name])
	}
	return text
}
