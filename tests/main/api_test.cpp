#include "main/api.hpp"

#include <gmock/gmock.h>

using namespace cepa::main;
using testing::HasSubstr;

namespace {

class ApiTest : public testing::Test {
protected:
    Json ask(std::string_view line)
    {
        std::string answer;
        int times = 0;
        api.handle(line, [&](std::string text) {
            answer = std::move(text);
            ++times;
        });
        EXPECT_EQ(times, 1);
        EXPECT_EQ(answer.find('\n'), std::string::npos);
        return Json::parse(answer);
    }
    Api api;
};

} // namespace

TEST_F(ApiTest, AnswersCarryTheRequestsId)
{
    api.add("twice", [](const Json& params, Api::Respond respond) {
        respond(Json{{"value", 2 * number_param(params, "n", 0, 100, 0)}});
    });
    EXPECT_EQ(ask(R"({"id":7,"method":"twice","params":{"n":21}})"), Json::parse(R"({"id":7,"result":{"value":42}})"));
    EXPECT_EQ(ask(R"({"id":"x","method":"twice"})")["id"], "x");
    EXPECT_EQ(ask(R"({"method":"twice"})")["id"], nullptr);
}

TEST_F(ApiTest, WhatIsNoRequestIsAnsweredAsMisuse)
{
    const std::vector<std::string> wrong{"",
                                         "x",
                                         "[]",
                                         "3",
                                         R"({"id":1})",
                                         R"({"method":3})",
                                         R"({"method":"a","params":[]})",
                                         "{\"method\":\"a\"",
                                         "\xff\xfe",
                                         R"({"method":null})"};
    for (const std::string& line : wrong) {
        const Json answer = ask(line);
        EXPECT_TRUE(answer["error"]["misuse"]) << line;
        EXPECT_THAT(answer["error"]["message"].get<std::string>(), HasSubstr("not a request")) << line;
    }
    EXPECT_THAT(ask(R"({"method":"frob"})")["error"]["message"].get<std::string>(), HasSubstr("no such method: frob"));
}

TEST_F(ApiTest, DeepNestingIsRefusedBeforeItIsParsed)
{
    const std::string deep =
        R"({"method":"a","params":{"x":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}}";
    EXPECT_TRUE(ask(deep)["error"]["misuse"]);
    api.add("a", [](const Json& params, Api::Respond respond) { respond(params); });
    // Brackets inside a text are no nesting.
    const std::string text(100, '[');
    EXPECT_EQ(ask(R"({"method":"a","params":{"x":"\")" + text + "\"}}")["result"]["x"], "\"" + text);
}

TEST_F(ApiTest, HandlersFailWithAMessage)
{
    api.add("later", [](const Json&, Api::Respond respond) { respond(std::unexpected(ApiError{"the disk is full"})); });
    api.add("now", [](const Json& params, Api::Respond respond) { respond(Json{{"t", text_param(params, "name")}}); });
    EXPECT_EQ(ask(R"({"method":"later"})")["error"], Json::parse(R"({"message":"the disk is full","misuse":false})"));
    EXPECT_EQ(ask(R"({"method":"now"})")["error"],
              Json::parse(R"({"message":"parameter name: expected a text","misuse":true})"));
}

TEST_F(ApiTest, ASecondAnswerIsDropped)
{
    api.add("both", [](const Json&, Api::Respond respond) {
        respond(Json::object());
        throw ApiError{"too late"};
    });
    EXPECT_TRUE(ask(R"({"method":"both"})").contains("result"));
}

TEST_F(ApiTest, AnswersMayComeLater)
{
    Api::Respond kept;
    api.add("wait", [&](const Json&, Api::Respond respond) { kept = std::move(respond); });
    std::string answer;
    api.handle(R"({"id":1,"method":"wait"})", [&](std::string text) { answer = std::move(text); });
    EXPECT_EQ(answer, "");
    kept(Json{{"done", true}});
    EXPECT_EQ(answer, R"({"id":1,"result":{"done":true}})");
}

TEST_F(ApiTest, BytesThatAreNoTextDoNotThrow)
{
    api.add("name", [](const Json&, Api::Respond respond) { respond(Json{{"name", "a\xff\xfe"}}); });
    EXPECT_TRUE(ask(R"({"method":"name"})").contains("result"));
}

TEST_F(ApiTest, AMethodIsAddedOnce)
{
    api.add("a", [](const Json&, Api::Respond) {});
    EXPECT_THROW(api.add("a", [](const Json&, Api::Respond) {}), std::logic_error);
}

TEST(ApiParams, NumbersFlagsAndLists)
{
    const Json params = Json::parse(R"({"n":3,"neg":-1,"f":1.5,"t":"x","b":true,"l":["a","b"],"mixed":["a",1]})");
    EXPECT_EQ(number_param(params, "n", 1, 5, 0), 3u);
    EXPECT_EQ(number_param(params, "absent", 1, 5, 4), 4u);
    EXPECT_THROW((void)number_param(params, "n", 4, 5, 0), ApiError);
    EXPECT_THROW((void)number_param(params, "neg", 0, 5, 0), ApiError);
    EXPECT_THROW((void)number_param(params, "f", 0, 5, 0), ApiError);
    EXPECT_THROW((void)number_param(params, "t", 0, 5, 0), ApiError);
    EXPECT_TRUE(flag_param(params, "b", false));
    EXPECT_TRUE(flag_param(params, "absent", true));
    EXPECT_THROW((void)flag_param(params, "n", false), ApiError);
    EXPECT_EQ(text_param(params, "absent", "d"), "d");
    EXPECT_THROW((void)text_param(params, "n", "d"), ApiError);
    EXPECT_EQ(texts_param(params, "l", 2), (std::vector<std::string>{"a", "b"}));
    EXPECT_THROW((void)texts_param(params, "l", 1), ApiError);
    EXPECT_THROW((void)texts_param(params, "mixed", 5), ApiError);
    EXPECT_TRUE(texts_param(params, "absent", 5).empty());
}
