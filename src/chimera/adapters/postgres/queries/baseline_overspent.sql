SELECT coalesce(sum(greatest(0, held + spent - cap)), 0)::bigint FROM baseline.budget;
