package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/qlikgateway/gateway/console"
)

func (o *operator) newEventsShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "Show one outcome, by its sequence or, among the newest 500, by its id",
		Example: "  gateway events show 1042\n  gateway events show 0t4k3x2-00000007-refresh-sales-1a2b3c/run.succeeded",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			told, err := o.findEvent(command, args[0])
			if err != nil {
				return err
			}
			var text bytes.Buffer
			if o.asJSON {
				err = json.Compact(&text, told.Event)
			} else {
				err = json.Indent(&text, told.Event, "", "  ")
			}
			if err != nil {
				return fmt.Errorf("understand the answer of %s: %w", o.server, err)
			}
			_, err = fmt.Fprintln(command.OutOrStdout(), text.String())
			return err
		},
	}
}

// findEvent finds an outcome by sequence or id.
func (o *operator) findEvent(command *cobra.Command, id string) (told console.Told, err error) {
	if _, err := strconv.ParseUint(id, 10, 64); err == nil {
		err = o.learn(command.Context(), question{path: "/api/v1/events/" + id}, &told)
		return told, err
	}
	var list console.List[console.Told]
	if err := o.learn(command.Context(), question{path: "/api/v1/events?id=" + url.QueryEscape(id)}, &list); err != nil {
		return told, err
	}
	if len(list.Data) == 0 {
		return told, errors.New("no outcome among the newest 500 has this id; gateway events tail lists them")
	}
	return list.Data[0], nil
}
