%% The work of bench/actors on the BEAM: gen_servers under OTP's own supervisors, reports of crashes into a file.
%% erl -noshell -run actors main WHAT COUNT   prints one JSON object.
-module(actors).
-behaviour(gen_server).
-export([main/1, start_link/1, init/1, handle_call/3, handle_cast/2, handle_info/2, supervised/1]).

%% ---- the measured process ----------------------------------------------------------------------------------

start_link(none) -> gen_server:start_link(?MODULE, none, []);
start_link(Name) -> gen_server:start_link({local, Name}, ?MODULE, none, []).

init({supervisor, Flags, Specs}) -> {ok, {Flags, Specs}};
init(none) -> {ok, none}.

handle_call({wait, Ms}, From, State) -> erlang:send_after(Ms, self(), {answer, From}), {noreply, State};
handle_call(Message, _From, State) -> {reply, Message, State}.

handle_cast({count, 0, Owner}, State) -> Owner ! all_here, {noreply, State};
handle_cast(break, _State) -> error(broken_on_request);
handle_cast(_, State) -> {noreply, State}.

handle_info({answer, From}, State) -> gen_server:reply(From, ok), {noreply, State}.

%% ---- measurements ------------------------------------------------------------------------------------------

main([What, Count]) ->
    quiet(),
    Figures = run(list_to_atom(What), list_to_integer(Count)),
    Fields = [io_lib:format("\"~s\": ~w", [Key, float(Value)]) || {Key, Value} <- Figures],
    io:format("{~s}~n", [lists:join(", ", Fields)]),
    erlang:halt(0).

quiet() ->
    logger:remove_handler(default),
    case os:getenv("BEAM_LOG") of
        false -> ok;
        File -> logger:add_handler(file, logger_std_h, #{config => #{file => File}})
    end.

run(spawn, N) ->
    erlang:garbage_collect(),
    Before = erlang:memory(total),
    {S, Pids} = timed(fun() -> [element(2, gen_server:start(?MODULE, none, [])) || _ <- lists:seq(1, N)] end),
    Kb = (erlang:memory(total) - Before) / 1024 / length(Pids),
    [{spawns_per_s, N / S}, {kb_per_actor, Kb}];
run(supervised, N) ->
    Sup = supervisor_of(simple_one_for_one, 0, [spec(child, none)]),
    {S, _} = timed(fun() -> [{ok, _} = supervisor:start_child(Sup, []) || _ <- lists:seq(1, N)] end),
    [{supervised_spawns_per_s, N / S}];
run(calls, N) ->
    {ok, Pid} = start_link(none),
    {S, _} = timed(fun() -> repeat(N, fun(_) -> gen_server:call(Pid, ping) end) end),
    [{calls_per_s, N / S}];
run(tells, N) ->
    {ok, Pid} = start_link(none),
    Me = self(),
    {S, _} = timed(fun() ->
        repeat(N, fun(Left) -> gen_server:cast(Pid, {count, Left, Me}) end),
        receive all_here -> ok end
    end),
    [{tells_per_s, N / S}];
run(waiting, N) ->
    Start = now_s(),
    Pids = [element(2, start_link(none)) || _ <- lists:seq(1, N)],
    Spawned = now_s(),
    Requests = [gen_server:send_request(Pid, {wait, 200}) || Pid <- Pids],
    [{reply, ok} = gen_server:receive_response(Request, 60000) || Request <- Requests],
    [{seconds, now_s() - Spawned}, {seconds_with_start, now_s() - Start}];
run(recovery, N) -> recovery(0, N);
run(recovery_among, N) -> recovery(N, max(20, N div 20));
run(one_for_all, N) ->
    Middle = [spec(Id, none) || Id <- lists:seq(2, N - 1)],
    supervisor_of(one_for_all, 100, [spec(first, first)] ++ Middle ++ [spec(last, last)]),
    Ms = [begin Took = answers_again(last), gen_server:call(first, ping), Took end || _ <- lists:seq(1, 9)],
    [{ms, percentile(Ms, 0.5)}, {max_ms, lists:max(Ms)}];
run(tree, N) ->
    Sup = supervisor_of(simple_one_for_one, 0, [spec(child, none)]),
    [{ok, _} = supervisor:start_child(Sup, []) || _ <- lists:seq(1, N)],
    {Looked, _} = timed(fun() ->
        [erlang:process_info(P, [registered_name, dictionary, status, message_queue_len]) || P <- processes()]
    end),
    [{snapshot_ms, Looked * 1000}, {stop_s, stop(Sup)}];
run(growth, N) ->
    Sup = supervisor_of(simple_one_for_one, 1000000, [#{id => child, start => {?MODULE, supervised, []}}]),
    {ok, _} = supervisor:start_child(Sup, [target]),
    [{ok, _} = supervisor:start_child(Sup, [none]) || _ <- lists:seq(1, 100)],
    Few = costs(Sup),
    [{ok, _} = supervisor:start_child(Sup, [none]) || _ <- lists:seq(1, N - 100)],
    Many = costs(Sup),
    [{list_to_atom(atom_to_list(Key) ++ "_ratio"), New / Old} || {{Key, Old}, {Key, New}} <- lists:zip(Few, Many)].

%% ---- parts -------------------------------------------------------------------------------------------------

supervised(Name) -> start_link(Name).

spec(Id, Name) -> #{id => Id, start => {?MODULE, start_link, [Name]}}.

supervisor_of(Strategy, Intensity, Specs) ->
    Flags = #{strategy => Strategy, intensity => Intensity, period => 3600},
    {ok, Sup} = supervisor:start_link(?MODULE, {supervisor, Flags, Specs}),
    Sup.

recovery(Siblings, N) ->
    Others = [spec(Id, none) || Id <- lists:seq(1, Siblings)],
    supervisor_of(one_for_one, N + 100, Others ++ [spec(target, target)]),
    [answers_again(target) || _ <- lists:seq(1, 10)],
    Ms = [answers_again(target) || _ <- lists:seq(1, N)],
    [{p50_ms, percentile(Ms, 0.5)}, {p99_ms, percentile(Ms, 0.99)}, {max_ms, lists:max(Ms)}].

answers_again(Name) ->
    Old = whereis(Name),
    Start = now_s(),
    gen_server:cast(Name, break),
    answered(Name, Old),
    (now_s() - Start) * 1000.

answered(Name, Old) ->
    case whereis(Name) of
        New when is_pid(New), New =/= Old ->
            try gen_server:call(New, ping) catch exit:_ -> answered(Name, Old) end;
        _ ->
            erlang:yield(),
            answered(Name, Old)
    end.

stop(Sup) ->
    unlink(Sup),
    Monitor = monitor(process, Sup),
    {S, _} = timed(fun() -> exit(Sup, shutdown), receive {'DOWN', Monitor, _, _, _} -> ok end end),
    S.

costs(Sup) ->
    {ok, Pid} = start_link(none),
    {Spawn, Loose} = timed(fun() ->
        [element(2, gen_server:start(?MODULE, none, [])) || _ <- lists:seq(1, 7000)]
    end),
    [gen_server:stop(Each) || Each <- Loose],
    {Child, Children} = timed(fun() ->
        [element(2, supervisor:start_child(Sup, [none])) || _ <- lists:seq(1, 7000)]
    end),
    [supervisor:terminate_child(Sup, Each) || Each <- Children],
    {Call, _} = timed(fun() -> repeat(20000, fun(_) -> gen_server:call(Pid, ping) end) end),
    Crash = percentile([answers_again(target) || _ <- lists:seq(1, 500)], 0.5),
    [{spawn, Spawn}, {supervised_spawn, Child}, {call, Call}, {crash, Crash}].

repeat(0, _) -> ok;
repeat(N, Do) -> Do(N - 1), repeat(N - 1, Do).

percentile(Samples, Share) ->
    Sorted = lists:sort(Samples),
    lists:nth(min(length(Sorted), trunc(Share * length(Sorted)) + 1), Sorted).

timed(Do) -> Start = now_s(), Value = Do(), {now_s() - Start, Value}.

now_s() -> erlang:monotonic_time(nanosecond) / 1.0e9.
