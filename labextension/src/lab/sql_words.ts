// Words of Spark SQL (https://spark.apache.org/docs/latest/sql-ref-ansi-compliance.html#sql-keywords).

export const KEYWORDS = `
add after all alter always analyze and anti any archive array as asc at authorization begin between both bucket
buckets by cache call cascade case cast change check clear cluster clustered codegen collate collation collection
column columns comment commit compact compensation compute concatenate condition constraint contains continue cost
create cross cube current current_date current_time current_timestamp current_user data database databases day
dayofyear days dbproperties declare default defined delete delimited desc describe dfs directories directory distinct
distribute div do drop else elseif end escape escaped evolution except exchange exclude exists exit explain export
extended external extract fetch fields file fileformat filter first following for foreign format formatted found from
full function functions generated global grant group grouping handler having hour hours identifier identity if ignore
ilike immediate import in include increment index indexes inner inpath input inputformat insert intersect interval
into invoker is items iterate join keys language last lateral lazy leading leave left like limit lines list load local
location lock locks logical loop macro matched materialized merge microsecond millisecond minus minute month months
namespace namespaces nanosecond natural next no not null nulls of offset on only option options or order out outer
outputformat over overlaps overlay overwrite partition partitioned partitions percent pivot placing position preceding
primary principals properties purge query range recordreader recordwriter recover recursive reduce references refresh
regexp rename repair repeat replace reset respect restrict return returns revoke right rlike role roles rollback rollup
row rows schema schemas second security select semi separated serde serdeproperties session_user set sets show skewed
some sort sorted source sql start statistics stored stratify struct substr substring sync system_time system_version
table tables tablesample target tblproperties temporary terminated then timestampadd timestampdiff to touch trailing
transaction transactions transform trim truncate try_cast type unarchive unbounded uncache union unique unknown unlock
unpivot unset until update use user using value values var variable version view views week when where while window
with within year years zone true false`;

export const TYPES = `
array bigint binary boolean byte char date dec decimal double float int integer interval long map numeric real short
smallint string struct timestamp timestamp_ltz timestamp_ntz tinyint varchar variant void`;

export const BUILTIN = `
abs aggregate approx_count_distinct array_contains array_distinct array_join array_size array_sort avg bround ceil
ceiling coalesce collect_list collect_set concat concat_ws corr count count_if covar_pop covar_samp cume_dist
date_add date_diff date_format date_sub date_trunc dayofmonth dayofweek dense_rank element_at exp explode
explode_outer first_value flatten floor format_number from_json from_unixtime get_json_object greatest hash ifnull
inline instr isnan isnotnull isnull json_tuple lag last_day last_value lcase lead least length ln log lower lpad
ltrim map_keys map_values max max_by mean median min min_by mod monotonically_increasing_id months_between
named_struct nanvl next_day ntile nullif nvl nvl2 parse_json percent_rank percentile percentile_approx posexplode pow
power quarter rand randn rank regexp_extract regexp_replace round row_number rpad rtrim sequence size slice split sqrt
std stddev stddev_pop stddev_samp sum to_date to_json to_timestamp trunc try_divide typeof ucase unix_timestamp upper
uuid var_pop var_samp variance weekofyear zip_with`;
